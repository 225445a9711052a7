// Comfort for the example applications and their service: the page follows what its server knows. Without this script "Reload" does.
(function () {
  'use strict';

  var ASK_EVERY = 500; // milliseconds
  var PARTS = ['state', 'person', 'api', 'switch', 'list', 'callers', 'log'];
  var main = document.getElementsByTagName('main')[0];

  function get(path, type, then) {
    var request = new XMLHttpRequest();
    request.open('GET', path);
    request.responseType = type;
    request.onload = function () {
      if (request.status === 200 && request.response) { then(request.response); }
    };
    request.onloadend = function () {
      if (type === 'json') { window.setTimeout(ask, ASK_EVERY); }
    };
    request.send();
  }

  // Takes over the parts that differ, so that what is unchanged keeps the focus and is not read out again.
  function show(page) {
    PARTS.forEach(function (id) {
      var old = document.getElementById(id);
      var fresh = page.getElementById(id);
      if (old && fresh && old.innerHTML !== fresh.innerHTML) {
        old.innerHTML = fresh.innerHTML;
        ['data-on', 'data-signed-in'].forEach(function (name) {
          if (fresh.hasAttribute(name)) { old.setAttribute(name, fresh.getAttribute(name)); }
        });
      }
    });
    var fresh = page.getElementsByTagName('main')[0];
    main.setAttribute('data-revision', fresh.getAttribute('data-revision'));
  }

  function ask() {
    get('/status', 'json', function (status) {
      if (String(status.revision) !== main.getAttribute('data-revision')) { get('/', 'document', show); }
    });
  }

  ask();
}());
