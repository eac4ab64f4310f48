// The panel inside Chatwoot. Chatwoot's context is a hint and nothing more: the server authorises every answer.
(() => {
  'use strict';

  const config = JSON.parse(document.getElementById('panel-config').textContent);
  const T = config.texts;
  const root = document.getElementById('panel');
  const said = document.getElementById('said');
  const SIGNS = { done: '✓', waiting: '…', running: '…', ignored: '–', postponed: '‖', failed: '!', blocked: '×', unknown: '?' };
  const LOOK_AGAIN_MS = [2000, 3000, 4000, 6000, 10000, 20000, 30000];

  let token = recall();
  let number = null; // the conversation Chatwoot says is open
  let content = null;
  let sections = null;
  let signingIn = null; // { window, state }
  let looks = 0;
  let timer = 0;
  let asking = 0; // answers to earlier questions are dropped

  // Storage -------------------------------------------------------------------------------------------------------
  // With third-party storage blocked even touching it throws; then the token lives as long as the page.

  function recall() {
    try { return window.sessionStorage.getItem(config.store) || ''; } catch { return ''; }
  }

  function remember(value) {
    token = value;
    try {
      if (value) window.sessionStorage.setItem(config.store, value);
      else window.sessionStorage.removeItem(config.store);
    } catch { /* in memory only */ }
  }

  // Drawing -------------------------------------------------------------------------------------------------------
  // Text is only ever set as text: nothing from outside becomes markup.

  function h(tag, attributes, ...children) {
    const element = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes || {})) {
      if (name.startsWith('on')) element.addEventListener(name.slice(2), value);
      else if (value === true) element.setAttribute(name, '');
      else if (value !== false && value !== null && value !== undefined) element.setAttribute(name, value);
    }
    element.append(...children.flat().filter((child) => child || child === 0));
    return element;
  }

  function button(text, onclick, attributes) {
    return h('button', { type: 'button', onclick, ...attributes }, text);
  }

  function away(url, text) {
    return h('a', { href: url, target: '_blank', rel: 'noopener noreferrer' }, text);
  }

  function show(...nodes) {
    sections = null;
    root.replaceChildren(...nodes);
  }

  function say(text) { said.textContent = text; }

  // Messages ------------------------------------------------------------------------------------------------------

  window.addEventListener('message', (event) => {
    if (event.origin === config.chatwoot && event.source === window.parent) fromChatwoot(event.data);
    else if (signingIn && event.origin === window.location.origin && event.source === signingIn.window) fromWindow(event.data);
  });

  function fromChatwoot(data) {
    let message = null;
    try { message = typeof data === 'string' ? JSON.parse(data) : null; } catch { return; }
    if (!message || message.event !== 'appContext') return;
    const found = message.data && message.data.conversation && message.data.conversation.id;
    if (!Number.isSafeInteger(found) || found <= 0 || found === number) return;
    number = found;
    content = null;
    sections = null;
    open();
  }

  function fromWindow(data) {
    if (!data || data.ponte !== 'panel-token' || data.state !== signingIn.state || typeof data.token !== 'string') return;
    signingIn = null;
    remember(data.token);
    open();
  }

  function signIn() {
    const state = Array.from(crypto.getRandomValues(new Uint8Array(24)), (byte) => byte.toString(16).padStart(2, '0')).join('');
    const opened = window.open(`${config.signIn}?state=${state}`, '_blank', 'popup,width=440,height=600');
    if (!opened) { say(T.signInBlocked); return; }
    say('');
    signingIn = { window: opened, state };
  }

  // Asking the server ---------------------------------------------------------------------------------------------

  async function ask(path, body) {
    const options = { headers: { Authorization: `Bearer ${token}` }, credentials: 'omit', cache: 'no-store' };
    if (body !== undefined) {
      options.method = 'POST';
      options.headers['Content-Type'] = 'application/json';
      options.body = JSON.stringify(body);
    }
    try {
      const response = await fetch(config.api + path, options);
      const answer = await response.json();
      return { ok: response.ok, status: response.status, answer };
    } catch {
      return { ok: false, status: 0, answer: { code: 'offline', text: T.offline } };
    }
  }

  async function open() {
    clearTimeout(timer);
    looks = 0;
    if (!number) return show(h('p', { class: 'calm' }, T.outside));
    if (!token) return showSignIn(T.signInWhy);
    show(h('p', { class: 'calm' }, T.loading));
    await look(true);
  }

  async function look(withName) {
    clearTimeout(timer);
    const mine = ++asking;
    const { ok, status, answer } = await ask(`conversas/${number}/${withName ? '' : '?nome=0'}`);
    if (mine !== asking) return;
    if (!ok) return refused(status, answer, withName);
    accept(answer);
  }

  async function act(action, body) {
    clearTimeout(timer);
    const mine = ++asking;
    say('');
    const { ok, status, answer } = await ask(`conversas/${number}/${action}/`, body || {});
    if (mine !== asking) return false;
    if (status === 401) { refused(status, answer, true); return false; }
    if (!ok) { say(answer.text); return false; }
    looks = 0;
    say(['sincronizar', 'dispensar'].includes(action) ? '' : T.saved);
    closeForms();
    accept(answer);
    return true;
  }

  function refused(status, answer, first) {
    if (status === 401) { remember(''); return showSignIn(answer.text); }
    if (!first && status === 0) { later(); return undefined; }
    return show(
      h('p', { class: 'alert', role: 'alert', 'data-code': answer.code }, answer.text),
      h('p', {}, button(T.again, open), ' ', button(T.signOut, signOut, { class: 'quiet' })),
    );
  }

  function accept(answer) {
    content = { ...answer, name: answer.name === undefined && content ? content.name : answer.name };
    if (content.state !== 'ready') {
      show(h('p', { class: 'alert', role: 'alert', 'data-code': content.state }, content.text));
      return;
    }
    draw();
    later();
  }

  // What waits is looked at again, seldom and seldomer; what is settled only when somebody asks.
  function later() {
    const waits = content && (content.asked.some((one) => one.state === 'open') || ['waiting', 'running', 'unknown'].includes(content.sync.word));
    if (!waits || looks >= 40) return;
    const pause = LOOK_AGAIN_MS[Math.min(looks++, LOOK_AGAIN_MS.length - 1)];
    timer = setTimeout(() => (document.hidden ? later() : look(false)), pause);
  }

  async function signOut() {
    await ask('sair/', {});
    remember('');
    content = null;
    showSignIn(T.signInWhy);
  }

  // Pages ---------------------------------------------------------------------------------------------------------

  function showSignIn(why) {
    say('');
    show(h('div', { class: 'centre' }, h('p', {}, why), button(T.signIn, signIn, { class: 'main', id: 'sign-in' })));
  }

  function draw() {
    if (!sections) {
      sections = Object.fromEntries(['bands', 'person', 'sync', 'lead', 'hints', 'others', 'asked', 'rights', 'actions', 'leave'].map((name) => [name, h('section', { 'data-part': name })]));
      root.replaceChildren(...Object.values(sections));
      sections.rights.replaceChildren(window.ponteRights({ T, SIGNS, h, button, say, ask: (path, body) => ask(`conversas/${number}/${path}`, body), refused, isOpen: () => Boolean(sections) }));
      sections.leave.replaceChildren(button(T.signOut, signOut, { class: 'quiet' }));
    }
    fill('bands', content.bands.map((band) => h('p', { class: 'band', 'data-code': band.code }, band.text)));
    fill('person', drawPerson());
    fill('sync', drawSync());
    fill('lead', drawLead());
    fill('hints', drawHints());
    fill('others', drawOthers());
    fill('asked', drawAsked());
    fill('actions', drawActions());
  }

  // A part in which somebody is choosing or writing is left alone.
  function fill(name, nodes) {
    const part = sections[name];
    const busy = part.querySelector('form') && (part.contains(document.activeElement) || [...part.querySelectorAll('textarea')].some((one) => one.value));
    const drawn = h('section', {}, nodes);
    if (busy || (part.dataset.drawn === drawn.innerHTML)) return;
    part.dataset.drawn = drawn.innerHTML;
    part.replaceChildren(...drawn.childNodes);
  }

  function closeForms() {
    if (!sections) return;
    for (const name of ['lead', 'actions']) {
      delete sections[name].dataset.drawn;
      sections[name].replaceChildren();
    }
  }

  function drawPerson() {
    return [h('h1', {}, content.name || ''), content.person && away(content.person.url, T.openPerson)];
  }

  function drawSync() {
    const { word, text, code } = content.sync;
    return [
      h('p', { class: `sync ${word}`, 'data-code': code }, h('span', { class: 'sign', 'aria-hidden': 'true' }, SIGNS[word]), ' ', text),
      content.may.sincronizar && button(T.sync, () => act('sincronizar'), { class: 'quiet' }),
    ];
  }

  function drawLead() {
    const lead = content.lead;
    const title = h('h2', {}, T.opportunity);
    if (content.undecided) return [title, h('p', {}, T.undecided)];
    if (!lead) return [title, h('p', {}, T.noOpportunity)];
    if (lead.is_gone) return [title, h('p', {}, T.gone)];
    return [
      title,
      h('dl', {},
        pair(T.stage, [h('strong', {}, lead.stage), lead.is_closed && ` (${T.closed})`]),
        pair(T.value, [lead.value || T.noValue]),
        pair(T.owner, [lead.owner || T.noOwner])),
      h('p', { class: 'calm' }, lead.age, ' · ', away(lead.url, T.open)),
      content.may.etapa && stageForm(lead),
    ];
  }

  function pair(name, values) {
    return h('div', {}, h('dt', {}, name), h('dd', {}, values.filter(Boolean)));
  }

  function stageForm(lead) {
    const choice = h('select', { id: 'stage', name: 'stage' }, lead.stages.map((stage) => h('option', { value: stage.id, selected: stage.id === lead.stage_id }, stage.name)));
    const send = (event) => {
      event.preventDefault();
      const wanted = Number(choice.value);
      if (wanted !== lead.stage_id) { choice.blur(); act('etapa', { etapa: wanted, vista: lead.stage_id }); }
    };
    return h('form', { class: 'row', onsubmit: send }, h('label', { for: 'stage' }, T.moveTo), choice, h('button', { type: 'submit' }, T.move));
  }

  function drawHints() {
    const hints = content.hints;
    if (!hints) return [];
    return [
      h('h2', {}, T.hints),
      h('ul', {}, hints.suggestions.map((one) => h('li', { class: 'hint' },
        h('span', {}, h('strong', {}, one.act), ` ${one.because}`),
        button(T.dismiss, () => act('dispensar', { dica: one.id }), { class: 'quiet', 'data-hint': one.id })))),
      h('p', { class: 'calm' }, hints.score),
      hints.why.length > 0 && h('details', { class: 'why' }, h('summary', {}, T.why),
        h('ul', {}, hints.why.map((line) => h('li', {}, line))), h('p', { class: 'calm' }, T.judges)),
    ];
  }

  function drawOthers() {
    if (!content.others.length) return [];
    return [
      h('h2', {}, T.others),
      h('ul', {}, content.others.map((lead) => h('li', {}, away(lead.url, `${T.opportunity} ${lead.id}`), ` · ${[lead.stage, lead.value].filter(Boolean).join(' · ')} `, h('span', { class: 'calm' }, lead.age)))),
    ];
  }

  function drawAsked() {
    if (!content.asked.length) return [];
    return [
      h('h2', {}, T.asked),
      h('ul', {}, content.asked.map((wish) => h('li', { class: wish.state, 'data-kind': wish.kind }, `${wish.what} · ${wish.text}`))),
    ];
  }

  function drawActions() {
    const may = content.may;
    const creation = content.undecided ? T.createNewAsk : T.createAsk;
    return [
      may.oportunidade && asksFirst(T.create, creation, 'oportunidade'),
      may.nota && noteForm(),
      may['outra-pessoa'] && asksFirst(T.notPerson, T.notPersonAsk, 'outra-pessoa'),
      content.kept_back
        ? asksFirst(T.sendAgain, T.sendAgainAsk, 'nao-enviar', { ligar: false })
        : asksFirst(T.keepBack, T.keepBackAsk, 'nao-enviar', { ligar: true }),
    ];
  }

  // Frames of another site have no dialogs of the browser: the question stands in the page.
  function asksFirst(title, question, action, body) {
    const box = h('details', { name: 'actions' }, h('summary', {}, title));
    const send = (event) => { event.preventDefault(); act(action, body); };
    box.append(h('form', { onsubmit: send, 'data-action': action },
      h('p', {}, question),
      h('p', { class: 'row' }, h('button', { type: 'submit', class: 'main' }, T.confirm), button(T.cancel, () => { box.open = false; }))));
    return box;
  }

  function noteForm() {
    const text = h('textarea', { id: 'note', rows: '4', maxlength: '4000', required: true });
    const send = async (event) => { event.preventDefault(); await act('nota', { texto: text.value }); };
    return h('details', { name: 'actions' }, h('summary', {}, T.note),
      h('form', { onsubmit: send, 'data-action': 'nota' },
        h('label', { for: 'note' }, T.noteHint), text,
        h('p', { class: 'row' }, h('button', { type: 'submit', class: 'main' }, T.write))));
  }

  // Chatwoot posts the context when the frame has loaded; asked for again in case that was before we listened.
  show(h('p', { class: 'calm' }, T.outside));
  if (window.parent !== window) window.parent.postMessage('chatwoot-dashboard-app:fetch-info', config.chatwoot);
})();
