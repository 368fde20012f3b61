import { expect, test } from 'vitest';
import { CodedError, maskSecrets, noteSecret } from '#core';

const secret = 'pässwört <&"\'/\\ + 100%~';
const user = 'somebody';
const token = 'eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiJzb21lYm9keSJ9.c2lnbmF0dXJlLW9mLXRoZS10b2tlbg';
noteSecret(secret, [user]);
noteSecret(token);

const base64 = (text: string) => Buffer.from(text).toString('base64');

const forms: [string, (text: string) => string][] = [
  ['as it stands', (text) => text],
  ['JSON', (text) => JSON.stringify(text)],
  ['JSON with escaped slashes', (text) => JSON.stringify(text).replaceAll('/', '\\/')],
  ['JSON in JSON', (text) => JSON.stringify(JSON.stringify(text))],
  ['a URI component', encodeURIComponent],
  ['a URI component in lower case', (text) => encodeURIComponent(text).replace(/%../g, (code) => code.toLowerCase())],
  ['a URI component encoded again', (text) => encodeURIComponent(encodeURIComponent(text))],
  ['a form field', (text) => new URLSearchParams({ text }).toString()],
  ['every byte as percent', (text) => Buffer.from(text).toString('hex').replace(/../g, '%$&')],
  ['hex', (text) => Buffer.from(text).toString('hex')],
  ['upper-case hex', (text) => Buffer.from(text).toString('hex').toUpperCase()],
  ['UTF-8 read as Latin-1', (text) => Buffer.from(text).toString('latin1')],
  ['base64', base64],
  ['base64 for URLs', (text) => Buffer.from(text).toString('base64url')],
  ['base64 of a login', (text) => base64(`${user}:${text}`)],
  ['base64 of a JSON text, one byte on', (text) => base64(`{"p":"${text}"}`)],
  ['base64 of a longer text, two bytes on', (text) => base64(`say: ${text}, and more`)],
  ['base64 of a longer text, in step', (text) => base64(`header:  ${text}\r\n`)],
  ['base64 in a URL', (text) => encodeURIComponent(base64(text))],
  ['a decoded login', (text) => `${user}:${text}`],
];

test.each(forms)('masks a secret as %s, in any text around it', (_, form) => {
  for (const each of [secret, token]) {
    const shown = maskSecrets(`the registry says ${form(each)}, that is all`);
    expect(shown).toContain('***');
    expect(shown).toMatch(/^the registry says .*, that is all$/);
    const left = shown.slice('the registry says '.length, -', that is all'.length);
    // Nothing is left but what the form puts around any text.
    expect(left.replaceAll('***', '').length).toBeLessThanOrEqual(form('').length + 8);
  }
});

test('masks the signature of a token by itself', () => {
  expect(maskSecrets(`signature ${token.split('.')[2]}`)).toBe('signature ***');
});

test('masks messages, hints and details of errors, whatever made them', () => {
  const error = new CodedError('ERR_EXPORT_REGISTRY_REFUSED', `said ${token}`, {
    hint: `use ${secret}`,
    details: { url: `https://a.test/${encodeURIComponent(secret)}`, list: [{ text: token }], size: 7 },
  });
  expect(JSON.stringify([error.message, error.hint, error.details])).not.toMatch(/eyJ|rt %3C|pässw/);
  expect(error.details).toEqual({ url: 'https://a.test/***', list: [{ text: '***' }], size: 7 });
});

test('leaves all other text, and passes over what is too short to be told from it', () => {
  noteSecret('abc');
  noteSecret('');
  const text = 'abc, somebody, a text of no secrets; c2lnbmF0dXJl and 70c3a4';
  expect(maskSecrets(text)).toBe(text);
});
