-- Continues the list of one service, or begins it anew: all of it or, when the list is not where the caller thinks,
-- nothing. Docs: docs/revocation.md, "Redis".
--
-- KEYS: the list's state, its stream, its sign of life, then one key for each entry.
-- ARGV: the history that the caller knows ('' when it knows of none), the one that it writes (the same, or another: then
--   the list begins anew), the number that it goes on from, then what it comes to: number, origin, issuer, seconds since
--   1970; the number below which nothing needs to be kept; for how many milliseconds the list is kept when nobody writes;
--   for how many milliseconds it vouches for itself, '' when it does not. Then for each entry: its place in the stream,
--   its JSON, its moment ('' when it has none), for how many milliseconds its key is kept.
local state, stream, alive = KEYS[1], KEYS[2], KEYS[3]
local known, history, from, to, origin, issuer, now, oldest, kept, vouches = unpack(ARGV, 1, 10)

local found = redis.call('HMGET', state, 'history', 'to', 'count')
local count = redis.call('XLEN', stream)
if (found[1] or '') ~= known then
  return 0
end
if history ~= known then
  redis.call('DEL', state, stream)
  count = 0
elseif found[2] ~= from or tonumber(found[3]) ~= count then
  return 0
end

local entry = 0
for at = 11, #ARGV, 4 do
  entry = entry + 1
  local key = KEYS[3 + entry]
  local place, json, before, milliseconds = unpack(ARGV, at, at + 3)
  redis.call('XADD', stream, place, 'entry', json)
  count = count + 1
  -- What is denied stays so until the last moment that any entry said.
  local value = '*'
  if before ~= '' then
    local earlier = tonumber(redis.call('GET', key) or '')
    value = before
    if earlier and earlier > tonumber(before) then
      value = string.format('%.0f', earlier)
    end
  end
  local left = redis.call('PTTL', key)
  redis.call('SET', key, value, 'PX', string.format('%.0f', math.max(left, tonumber(milliseconds))))
end

count = count - redis.call('XTRIM', stream, 'MINID', oldest)
redis.call('HSET', state, 'issuer', issuer, 'origin', origin, 'history', history, 'to', to, 'now', now, 'count', count)
redis.call('PEXPIRE', state, kept)
redis.call('PEXPIRE', stream, kept)
if vouches ~= '' then
  redis.call('HINCRBY', state, 'beat', 1)
  redis.call('SET', alive, to, 'PX', vouches)
end
return 1
