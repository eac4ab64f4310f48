// Hands the token to the frame that opened this window. Only a page of our own origin can hear it.
(() => {
  'use strict';
  const handover = JSON.parse(document.getElementById('handover').textContent);
  document.getElementById('handover').remove();
  if (!window.opener) {
    document.getElementById('closing').hidden = true;
    document.getElementById('alone').hidden = false;
    return;
  }
  window.opener.postMessage({ ponte: 'panel-token', ...handover }, window.location.origin);
  window.close();
})();
