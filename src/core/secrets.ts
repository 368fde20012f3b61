import { trimEndOf } from './trim.ts';

/**
 * Passwords and tokens that this process has come to know, so that none of them is shown. A registry, a proxy or a
 * token service may echo what it was sent, in whatever form it travelled or was decoded to.
 */
const known = new Map<string, readonly string[]>();

/** More than a run has logins and tokens; the oldest are forgotten. */
const MAX_SECRETS = 1000;
/** What is shorter cannot be told from other text. */
const MIN_LENGTH = 4;
const MASK = '***';

/**
 * Remembers a secret, so that maskSecrets replaces it.
 *
 * @param users names that it travels with in `NAME:SECRET`
 */
export function noteSecret(secret: string, users: readonly string[] = []): void {
  if (secret.length < MIN_LENGTH) return;
  known.delete(secret);
  known.set(secret, formsOf(secret, users));
  for (const oldest of known.keys()) {
    if (known.size <= MAX_SECRETS) break;
    known.delete(oldest);
  }
}

/**
 * The text with every form of every known secret replaced: as it stands, URL-encoded, escaped as in JSON or HTML, in
 * hex, and in base64, alone or inside of a longer text. Call it before a text is cut, since a part of a secret is not
 * recognised.
 */
export function maskSecrets(text: string): string {
  let masked = text;
  for (const forms of known.values()) {
    for (const form of forms) if (masked.includes(form)) masked = masked.replaceAll(form, MASK);
  }
  return masked;
}

function formsOf(secret: string, users: readonly string[]): string[] {
  const forms = new Set<string>();
  const whole = [secret, ...users.map((user) => `${user}:${secret}`)];
  for (const text of whole) for (const form of base64Forms(text)) forms.add(form);
  // A token of several parts is as good as its signature.
  const parts = secret.split('.').filter((part) => part.length >= 16);
  for (const text of [secret, ...parts]) for (const form of textForms(text)) forms.add(form);
  // The longest first: a form may be part of another.
  return [...forms].filter((form) => form.length >= MIN_LENGTH).sort((a, b) => b.length - a.length);
}

function textForms(text: string): string[] {
  const hex = Buffer.from(text, 'utf8').toString('hex');
  const json = JSON.stringify(text).slice(1, -1);
  const uri = encodeURIComponent(text.toWellFormed());
  const strict = uri.replace(/[!'()*]/g, (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`);
  const form = new URLSearchParams([['', text]]).toString().slice(1);
  const html = text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;');
  const encoded = [uri, strict, form, strict.replaceAll('%20', '+')];
  return [
    text,
    json,
    json.replaceAll('/', '\\/'),
    JSON.stringify(json).slice(1, -1),
    [...text].map(escapeBeyondAscii).join(''),
    html,
    html.replaceAll("'", '&#39;'),
    html.replaceAll("'", '&#x27;'),
    // As bytes that were taken for Latin-1, which header values are.
    Buffer.from(text, 'utf8').toString('latin1'),
    ...encoded,
    ...encoded.map((each) => each.replace(/%[0-9A-F]{2}/g, (code) => code.toLowerCase())),
    ...encoded.map((each) => encodeURIComponent(each.toWellFormed())),
    [...Buffer.from(text, 'utf8')].map((byte) => `%${byte.toString(16).padStart(2, '0')}`).join(''),
    [...Buffer.from(text, 'utf8')].map((byte) => `%${byte.toString(16).padStart(2, '0').toUpperCase()}`).join(''),
    hex,
    hex.toUpperCase(),
  ];
}

function escapeBeyondAscii(char: string): string {
  if (char >= ' ' && char <= '~' && char !== '"' && char !== '\\') return char;
  return Array.from(char, (_, i) => `\\u${char.charCodeAt(i).toString(16).padStart(4, '0')}`).join('');
}

/** Base64 of the text, and the part of it that is the same wherever the text stands in what is encoded. */
function base64Forms(text: string): string[] {
  const bytes = Buffer.from(text, 'utf8');
  const forms: string[] = [];
  for (let before = 0; before < 3; before++) {
    const encoded = trimEndOf(Buffer.concat([Buffer.alloc(before), bytes]).toString('base64'), '=');
    // Characters that also hold bits of what stands before or after.
    const start = Math.ceil((before * 8) / 6);
    const end = Math.floor(((before + bytes.length) * 8) / 6);
    forms.push(encoded.slice(start, end));
    if (before === 0) forms.push(encoded);
  }
  const standard = forms.filter((form) => form.length >= 6);
  const forUrls = standard.map((form) => form.replaceAll('+', '-').replaceAll('/', '_'));
  const encoded = standard.flatMap((form) => [
    form.replaceAll('/', '%2F').replaceAll('+', '%2B'),
    form.replaceAll('/', '\\/'),
  ]);
  return [...standard, ...forUrls, ...encoded];
}
