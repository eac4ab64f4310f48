// F2: consent and rights. Loaded when the attendant opens it; draws what the server says and decides nothing.
'use strict';

window.ponteRights = ({ T, SIGNS, h, button, say, ask, refused, isOpen }) => {
  const inside = h('div', { class: 'inside' });
  const box = h('details', { class: 'rights', ontoggle: () => { if (box.open && !inside.childNodes.length) load(); } }, h('summary', {}, T.rights), inside);

  async function load() {
    inside.replaceChildren(h('p', { class: 'calm' }, T.loading));
    accept(await ask('direitos/'), true);
  }

  async function act(name, body) {
    say('');
    accept(await ask(`direitos/${name}/`, body), false);
  }

  function accept({ ok, status, answer }, first) {
    if (!isOpen()) return;
    if (status === 401) { refused(status, answer, true); return; }
    if (!ok && !first) { say(answer.text); return; }
    if (!ok || answer.state !== 'ready') {
      inside.replaceChildren(h('p', { class: 'alert', role: 'alert', 'data-code': answer.code || answer.state }, answer.text), h('p', {}, button(T.again, load)));
      return;
    }
    draw(answer);
    if (answer.said) say(answer.said);
  }

  function draw(told) {
    inside.replaceChildren(
      h('ul', {}, told.purposes.map(purpose)),
      h('p', { class: 'calm' }, told.care),
      ...told.purposes.filter((one) => one.may && one.preview).map(question),
      saidForm(told),
      requestForm(told),
      told.is_minor ? h('p', { class: 'band' }, T.isMinor) : fold(T.guardian, [h('p', {}, T.guardianAsk)], () => act('menor', {})),
      ...(told.requests.length ? [h('h2', {}, T.waitingFor), h('ul', {}, told.requests.map((one) => h('li', {}, `${one.protocol} · ${one.text}`)))] : []),
    );
  }

  function purpose(one) {
    return h('li', { 'data-purpose': one.type },
      h('span', { class: `sync ${one.word}` }, h('span', { class: 'sign', 'aria-hidden': 'true' }, SIGNS[one.word]), ' ', h('strong', {}, one.name), `: ${one.text}`),
      !one.may && h('div', { class: 'calm' }, `${T.askConsent}: ${one.why_not}`));
  }

  function question(one) {
    return fold(`${T.askConsent}: ${one.name}`, [
      h('p', {}, T.askConsentAsk),
      h('blockquote', {}, one.preview.text),
      one.preview.consequences && h('p', { class: 'calm' }, `${T.ifNo} ${one.preview.consequences}`),
    ], () => act('pedir', { finalidade: one.type }));
  }

  function saidForm(told) {
    const purposes = select('rights-purpose', told.purposes.map((one) => [one.type, one.name]));
    const answer = select('rights-answer', [['sim', T.saidYes], ['nao', T.saidNo]]);
    const message = messages('rights-message', told);
    if (!message) return fold(T.writeDown, [h('p', {}, T.noMessages)]);
    return fold(T.writeDown, [label(T.purpose, purposes), label(T.whatSaid, answer), label(T.evidence, message)],
      () => act('registrar', { finalidade: purposes.value, resposta: answer.value, mensagem: Number(message.value) }));
  }

  function requestForm(told) {
    const message = messages('rights-asking', told);
    if (!message) return fold(T.takeIn, [h('p', {}, T.noMessages)]);
    const boxes = told.rights.map((one) => h('input', { type: 'checkbox', value: one.code, id: `right-${one.code}` }));
    const rows = told.rights.map((one, at) => h('p', { class: 'tick' }, boxes[at], h('label', { for: `right-${one.code}` }, one.text)));
    return fold(T.takeIn, [h('p', {}, T.takeInAsk), ...rows, label(T.evidence, message)],
      () => act('requisicao', { direitos: boxes.filter((one) => one.checked).map((one) => one.value), mensagem: Number(message.value) }));
  }

  function messages(id, told) {
    return told.messages.length ? select(id, told.messages.map((one) => [one.id, one.text])) : null;
  }

  function select(id, options) {
    return h('select', { id }, options.map(([value, text]) => h('option', { value }, text)));
  }

  function label(text, field) {
    return h('p', {}, h('label', { for: field.id }, text), field);
  }

  function fold(title, nodes, onsend) {
    const inner = h('details', { name: 'rights' }, h('summary', {}, title));
    const send = (event) => { event.preventDefault(); onsend(); };
    inner.append(h('form', { onsubmit: send }, ...nodes, onsend && h('p', { class: 'row' }, h('button', { type: 'submit', class: 'main' }, T.confirm), button(T.cancel, () => { inner.open = false; }))));
    return inner;
  }

  return box;
};
