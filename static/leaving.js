// Comfort for the pages that show who has left: times in the person's own zone, the applications' states as they
// change, what framed pages have to say, and going on when there is nothing more to wait for. Without this script the
// page's links do all of it.
(function () {
  'use strict';

  var LINGER = 300; // milliseconds for the word of a frame that has loaded
  var AFTER_FAILURE = 2000; // milliseconds
  var UNDER_WAY = 2000; // milliseconds in which a page that was gone on from is left, mostly
  var MOST_FAILURES = 3; // in a row, before the page says that it may be out of date
  var main = document.getElementsByTagName('main')[0];
  // The person's own way to write times, unless that would mix another language into the page.
  var page = document.documentElement.lang;
  var own = navigator.language || page;
  var language = own.split('-')[0] === page.split('-')[0] ? own : page;
  var looked = new Date();

  // The page says "14:32 UTC"; this says "14:32", and the date as well if it is not today's.
  function showLocally(element) {
    var moment = new Date(element.getAttribute('datetime'));
    var seconds = /\d:\d\d:\d\d/.test(element.textContent);
    var options = { hour: 'numeric', minute: '2-digit' };
    if (isNaN(moment.getTime())) { return; }
    if (seconds) { options.second = '2-digit'; }
    if (moment.toDateString() !== new Date().toDateString()) {
      options.day = 'numeric';
      options.month = 'short';
    }
    element.textContent = moment.toLocaleString(language, options);
  }

  function child(parent, className) {
    return parent.getElementsByClassName(className)[0];
  }

  function timeElement(time) {
    var element = document.createElement('time');
    element.setAttribute('datetime', time.datetime);
    element.textContent = time.text;
    showLocally(element);
    return element;
  }

  // Only what differs is touched: a row that has settled lies still.
  function say(parent, sentence) {
    var said = document.createElement('span');
    said.appendChild(document.createTextNode(sentence.before));
    if (sentence.time) { said.appendChild(timeElement(sentence.time)); }
    said.appendChild(document.createTextNode(sentence.after));
    if (parent.textContent === said.textContent) { return; }
    parent.textContent = '';
    while (said.firstChild) { parent.appendChild(said.firstChild); }
  }

  function showDetail(row, detail) {
    var paragraph = child(row, 'detail');
    if (!detail) {
      if (paragraph) { row.removeChild(paragraph); }
      return;
    }
    if (!paragraph) {
      paragraph = document.createElement('p');
      paragraph.className = 'detail';
      row.appendChild(paragraph);
    }
    say(paragraph, detail);
  }

  function showRow(application) {
    var row = document.getElementById('application-' + application.id);
    var use;
    if (!row) { return; }
    if (row.getAttribute('data-state') !== application.state) {
      use = child(row, 'state').getElementsByTagName('use')[0];
      row.setAttribute('data-state', application.state);
      use.setAttribute('href', use.getAttribute('href').replace(/#.*/, '#' + application.state));
    }
    say(child(row, 'state-text'), application.label);
    showDetail(row, application.detail);
  }

  function show(status) {
    var summary = document.getElementById('summary');
    // A live region is read out at every change, so it is only touched when there is one.
    if (summary.textContent !== status.summary) { summary.textContent = status.summary; }
    for (var i = 0; i < status.applications.length; i++) { showRow(status.applications[i]); }
  }

  // Says since when the page may be out of date, or that it is not.
  function showStale(stale) {
    var notice = document.getElementById('stale');
    var time = notice.getElementsByTagName('time')[0];
    if (stale && notice.hidden) {
      time.parentNode.replaceChild(timeElement({ datetime: looked.toISOString(), text: '0:00:00' }), time);
    }
    notice.hidden = !stale;
  }

  function follow() {
    var onward = main.getAttribute('data-onward'); // the page that stays has none
    var frames = main.getElementsByTagName('iframe');
    var loaded = document.readyState === 'complete'; // which it is only when all its frames are
    var lingered = false;
    var stayed = false; // as long as somebody needs to see that something is not as it should be
    var finished = false;
    var well = false;
    var gone = false;
    var left = 0; // when this script went on
    var asked = 0; // requests so far
    var shown = 0; // the latest of them whose answer is on the page
    var reports = 0; // under way
    var failures = 0;

    function goOn() {
      if (gone || !onward) { return; }
      gone = true;
      left = Date.now();
      window.location.replace(onward);
    }

    // Who goes on by hand at the moment in which the page does arrives once.
    function goOnByHand(event) {
      if (Date.now() - left < UNDER_WAY) {
        event.preventDefault();
      } else if (!event.ctrlKey && !event.metaKey && !event.shiftKey) {
        gone = true;
      }
    }

    function allHaveSpoken() {
      for (var i = 0; i < frames.length; i++) {
        if (!frames[i].hasAttribute('data-said')) { return false; }
      }
      return true;
    }

    function goOnIfAllIsKnown() {
      var heard = loaded && reports === 0 && (lingered || allHaveSpoken());
      if (heard && (well || stayed)) { goOn(); }
    }

    // Asks for the status, or reports something and is answered with the status.
    function ask(method, path, body, then) {
      var request = new XMLHttpRequest();
      var number = asked += 1;
      request.open(method, path);
      if (body) { request.setRequestHeader('Content-Type', 'application/x-www-form-urlencoded'); }
      request.onload = function () {
        // An answer that was overtaken says less than what is shown.
        if (request.status !== 200 || number < shown) { return; }
        var status = JSON.parse(request.responseText);
        shown = number;
        looked = new Date();
        show(status);
        finished = status.finished;
        well = status.well;
        then(status);
      };
      request.onloadend = function () { then(null, request.status); };
      request.send(body);
    }

    function poll() {
      var again = AFTER_FAILURE;
      if (gone) { return; }
      ask('GET', main.getAttribute('data-status'), null, function (status, code) {
        if (status) {
          again = status.again_in;
          return;
        }
        failures = code === 200 ? 0 : failures + 1;
        // 404: the ten minutes in which this browser may look are over.
        showStale(code === 404 || failures >= MOST_FAILURES);
        if (!finished && code !== 404) { window.setTimeout(poll, again); }
        goOnIfAllIsKnown();
      });
    }

    // An application's page says that it is done. Only the frame that we loaded, from its own registered origin, can
    // say so, and only of the session that it was asked about.
    window.addEventListener('message', function (event) {
      var said = event.data;
      var frame = null;
      for (var i = 0; i < frames.length; i++) {
        if (event.source && frames[i].contentWindow === event.source) { frame = frames[i]; }
      }
      if (!frame || frame.hasAttribute('data-said')) { return; }
      if (event.origin !== frame.getAttribute('data-origin')) { return; }
      if (!said || said.type !== 'exeunt:logout-done') { return; }
      if (said.iss !== main.getAttribute('data-issuer')) { return; }
      if (said.sid !== frame.getAttribute('data-sid')) { return; }
      frame.setAttribute('data-said', '');
      reports += 1;
      ask('POST', main.getAttribute('data-acknowledge'),
        'csrf=' + encodeURIComponent(main.getAttribute('data-csrf')) +
        '&application=' + encodeURIComponent(frame.getAttribute('data-application')),
        function (status) {
          if (status) { return; }
          reports -= 1;
          goOnIfAllIsKnown();
        });
    });

    window.addEventListener('load', function () {
      loaded = true;
      window.setTimeout(function () {
        lingered = true;
        goOnIfAllIsKnown();
      }, LINGER);
      goOnIfAllIsKnown();
    });
    if (onward) {
      document.getElementById('continue').addEventListener('click', goOnByHand);
      window.setTimeout(goOn, Number(main.getAttribute('data-wait')));
      window.setTimeout(function () {
        stayed = true;
        goOnIfAllIsKnown();
      }, Number(main.getAttribute('data-stay')));
    }
    poll();
  }

  var times = main.getElementsByTagName('time');
  for (var i = 0; i < times.length; i++) { showLocally(times[i]); }
  if (main.hasAttribute('data-status')) { follow(); }
}());
