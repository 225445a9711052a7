// Answers whether the state of this browser is still the one that an application was told (Session Management 1.0 §3.2).
// The answer must be made at once and without asking anyone, also where crypto.subtle is missing: so SHA-256 is here.
(function () {
  'use strict';

  // FIPS 180-4 §4.2.2, §5.3.3.
  var K = [
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2
  ];
  var START = [
    0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19
  ];

  function turn(word, by) {
    return (word >>> by) | (word << (32 - by));
  }

  // The message in words of 32 bits: UTF-8, a bit that is set, zeros, its length in bits (§5.1.1, §5.2.1).
  function words(text) {
    var bytes = unescape(encodeURIComponent(text));
    var count = ((bytes.length + 8 >> 6) + 1) * 16;
    var all = [];
    var i;
    for (i = 0; i < count; i += 1) { all[i] = 0; }
    for (i = 0; i < bytes.length; i += 1) {
      all[i >> 2] |= bytes.charCodeAt(i) << (24 - i % 4 * 8);
    }
    all[i >> 2] |= 0x80 << (24 - i % 4 * 8);
    all[count - 1] = bytes.length * 8;
    return all;
  }

  // §6.2.2, in hexadecimal.
  function sha256(text) {
    var message = words(text);
    var hash = START.slice();
    var hex = '';
    var schedule, state, block, i, one, two, choice, majority;
    for (block = 0; block < message.length; block += 16) {
      schedule = message.slice(block, block + 16);
      state = hash.slice();
      for (i = 0; i < 64; i += 1) {
        if (i >= 16) {
          one = schedule[i - 15];
          two = schedule[i - 2];
          schedule[i] = (schedule[i - 16] + (turn(one, 7) ^ turn(one, 18) ^ (one >>> 3)) +
            schedule[i - 7] + (turn(two, 17) ^ turn(two, 19) ^ (two >>> 10))) | 0;
        }
        choice = (state[4] & state[5]) ^ (~state[4] & state[6]);
        majority = (state[0] & state[1]) ^ (state[0] & state[2]) ^ (state[1] & state[2]);
        one = state[7] + (turn(state[4], 6) ^ turn(state[4], 11) ^ turn(state[4], 25)) + choice + K[i] + schedule[i];
        two = (turn(state[0], 2) ^ turn(state[0], 13) ^ turn(state[0], 22)) + majority;
        state = [(one + two) | 0, state[0], state[1], state[2], (state[3] + one) | 0, state[4], state[5], state[6]];
      }
      for (i = 0; i < 8; i += 1) { hash[i] = (hash[i] + state[i]) | 0; }
    }
    for (i = 0; i < 8; i += 1) { hex += ('0000000' + (hash[i] >>> 0).toString(16)).slice(-8); }
    return hex;
  }

  // The browser's state; null where this frame may not see it.
  function browserState() {
    var name = document.documentElement.getAttribute('data-cookie') + '=';
    var cookies, i;
    try {
      cookies = document.cookie.split('; ');
    } catch (hidden) {
      return null;
    }
    for (i = 0; i < cookies.length; i += 1) {
      if (cookies[i].indexOf(name) === 0) { return cookies[i].slice(name.length); }
    }
    return null;
  }

  // The origin of the page that frames this one, if the browser tells.
  function framer() {
    var referrer = /^[a-z][a-z0-9+.-]*:\/\/[^\/]+/.exec(document.referrer);
    if (location.ancestorOrigins) { return location.ancestorOrigins[0]; }
    return referrer && referrer[0];
  }

  function judge(message, origin) {
    // client_id, a space, the hash, a dot, the salt.
    var told = typeof message === 'string' && /^(.+) ([^ .]+)\.([^ .]+)$/.exec(message);
    var state = browserState();
    if (!told) { return 'error'; }
    // Nothing is known here; an application that was told of a change would sign the person out.
    if (state === null) { return 'unchanged'; }
    return sha256(told[1] + ' ' + origin + ' ' + state + ' ' + told[3]) === told[2] ? 'unchanged' : 'changed';
  }

  window.addEventListener('message', function (event) {
    var expected = framer();
    if (window.parent === window || !event.source) { return; }
    if (event.origin === 'null' || (expected && event.origin !== expected)) { return; }
    event.source.postMessage(judge(event.data, event.origin), event.origin);
  });
}());
