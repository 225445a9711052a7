// Comfort for the pages that show who has left: times in the person's own zone, the applications' states as they
// change, and going on when there is nothing more to wait for. Without this script the page's links do all of it.
(function () {
  'use strict';

  var POLL_EVERY = 400; // milliseconds
  var main = document.getElementsByTagName('main')[0];
  // The person's own way to write times, unless that would mix another language into the page.
  var page = document.documentElement.lang;
  var own = navigator.language || page;
  var language = own.split('-')[0] === page.split('-')[0] ? own : page;

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

  function timeElement(time) {
    var element = document.createElement('time');
    element.setAttribute('datetime', time.datetime);
    element.textContent = time.text;
    showLocally(element);
    return element;
  }

  function child(parent, className) {
    return parent.getElementsByClassName(className)[0];
  }

  function showDetail(row, detail) {
    var paragraph = child(row, 'detail');
    if (paragraph) { row.removeChild(paragraph); }
    if (!detail) { return; }
    paragraph = document.createElement('p');
    paragraph.className = 'detail';
    paragraph.appendChild(document.createTextNode(detail.before));
    if (detail.time) { paragraph.appendChild(timeElement(detail.time)); }
    paragraph.appendChild(document.createTextNode(detail.after));
    row.appendChild(paragraph);
  }

  function showRow(application) {
    var row = document.getElementById('application-' + application.id);
    if (!row) { return; }
    var state = child(row, 'state');
    var use = state.getElementsByTagName('use')[0];
    var time = state.getElementsByTagName('time')[0];
    row.setAttribute('data-state', application.state);
    use.setAttribute('href', use.getAttribute('href').replace(/#.*/, '#' + application.state));
    child(state, 'state-text').textContent = application.text;
    if (time) { state.removeChild(time); }
    if (application.time) { state.appendChild(timeElement(application.time)); }
    showDetail(row, application.detail);
  }

  function show(status) {
    var summary = document.getElementById('summary');
    // A live region is read out at every change, so it is only touched when there is one.
    if (summary.textContent !== status.summary) { summary.textContent = status.summary; }
    for (var i = 0; i < status.applications.length; i++) { showRow(status.applications[i]); }
  }

  function follow() {
    var loaded = document.readyState === 'complete'; // which it is only when all its frames are
    var finished = false;
    var gone = false;

    function goOn() {
      if (gone) { return; }
      gone = true;
      window.location.replace(main.getAttribute('data-onward'));
    }

    function goOnIfAllIsKnown() {
      if (finished && loaded) { goOn(); }
    }

    function poll() {
      var request = new XMLHttpRequest();
      if (gone) { return; }
      request.open('GET', main.getAttribute('data-status'));
      request.onload = function () {
        var status;
        if (request.status !== 200) { return; }
        status = JSON.parse(request.responseText);
        show(status);
        finished = status.finished;
        goOnIfAllIsKnown();
      };
      request.onloadend = function () {
        if (!finished) { window.setTimeout(poll, POLL_EVERY); }
      };
      request.send();
    }

    window.addEventListener('load', function () {
      loaded = true;
      goOnIfAllIsKnown();
    });
    window.setTimeout(goOn, Number(main.getAttribute('data-wait')));
    poll();
  }

  var times = document.getElementsByTagName('time');
  for (var i = 0; i < times.length; i++) { showLocally(times[i]); }
  if (main.hasAttribute('data-status')) { follow(); }
}());
