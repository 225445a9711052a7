// Tells the provider's page, which frames this one, that the session is over here. The server let it go before it sent
// the page.
(function () {
  'use strict';

  var main = document.getElementsByTagName('main')[0];

  if (window.parent !== window) {
    window.parent.postMessage({
      type: 'exeunt:logout-done',
      iss: main.getAttribute('data-iss'),
      sid: main.getAttribute('data-sid')
    }, main.getAttribute('data-provider'));
  }
}());
