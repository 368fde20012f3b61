import { expect, test } from 'vitest';
import { CanonicalReader, instantFrom, parseDigest, parseDuration, parseJson, parseKnownJson, trimOf } from '#core';
import { departuresOfAdvisory, parseSelector } from '#evidence';
import { parseReference } from '#oci/image';
import { parseStatement } from '#signing';
import { decodePax } from '../../src/archive/tar/pax.ts';
import { canonicalReference } from '../../src/artifacts/reference-url.ts';
import { oneLine } from '../../src/cli/one-line.ts';
import { compileGlob } from '../../src/core/glob.ts';
import { parseVector } from '../../src/evidence/cvss/vector.ts';
import { parseChallenges } from '../../src/oci/registry/auth/challenge.ts';
import { nextLink, parseRetryAfter, parseWarnings } from '../../src/oci/registry/headers.ts';
import { redactUrl } from '../../src/oci/registry/origin.ts';
import { parseRepositoryName, parseTag } from '../../src/oci/store/names.ts';
import { isPartialName } from '../../src/oci/transfer/pull/partial.ts';
import { networkOf } from '../../src/server/access/client-address.ts';
import { parseCredentials } from '../../src/server/access/credentials.ts';
import { parseHtpasswd } from '../../src/server/access/htpasswd.ts';
import { parseChunkRange, parseRange } from '../../src/server/range.ts';
import { base64From } from '../../src/signing/base64.ts';
import { memberSpans } from '../../src/signing/json-text.ts';
import { encodeOlpc } from '../../src/tuf/metadata/canonical.ts';
import { parseTimestamp } from '../../src/tuf/metadata/listing.ts';
import { coversPath, isPathPattern, isStreamName, isTargetPath } from '../../src/tuf/metadata/names.ts';
import { parseTargets } from '../../src/tuf/metadata/targets.ts';
import { apkGrammar } from '../../src/versions/apk.ts';
import { bitnamiGrammar } from '../../src/versions/bitnami.ts';
import { debGrammar } from '../../src/versions/deb.ts';
import { gemGrammar } from '../../src/versions/gem.ts';
import { genericGrammar } from '../../src/versions/generic.ts';
import type { VersionGrammar } from '../../src/versions/grammar.ts';
import { mavenGrammar } from '../../src/versions/maven.ts';
import { npmGrammar } from '../../src/versions/npm.ts';
import { pep440Grammar } from '../../src/versions/pep440.ts';
import { packageOfPurl } from '../../src/versions/purl.ts';
import { rpmGrammar } from '../../src/versions/rpm.ts';

const bytesOf = (text: string) => Buffer.from(text);
const canonical = new CanonicalReader();

const GRAMMARS: readonly (readonly [string, VersionGrammar])[] = [
  ['apk', apkGrammar],
  ['Bitnami', bitnamiGrammar],
  ['deb', debGrammar],
  ['generic', genericGrammar],
  ['Maven', mavenGrammar],
  ['npm', npmGrammar],
  ['PyPI', pep440Grammar],
  ['rpm', rpmGrammar],
  ['RubyGems', gemGrammar],
] as const;

/** Looks at a text in each place of an advisory that has a form. */
function checkAdvisory(text: string): unknown {
  const entry = { package: { ecosystem: 'npm', name: text, purl: text }, versions: [text] };
  const references = [{ type: 'WEB', url: text }];
  const record = {
    id: text,
    modified: text,
    references,
    severity: [{ type: 'CVSS_V3', score: text }],
    affected: [entry],
  };
  return departuresOfAdvisory(canonical.read(bytesOf(JSON.stringify(record)), 'x').bytes);
}

/** Looks at a text in each place of a targets document that has a form. */
function checkTargets(text: string): unknown {
  const head = { _type: 'targets', spec_version: '1.0', version: 1, expires: '2026-01-01T00:00:00Z' };
  const facts = { length: 1, hashes: { sha256: text }, custom: { [text]: text } };
  const signed = { ...head, targets: { a: facts, [text]: facts }, [text]: text };
  return parseTargets(bytesOf(JSON.stringify({ signatures: [], signed })), 'x');
}

type Parser = readonly [name: string, parse: (text: string) => unknown, prefixes?: readonly string[]];

/** Every parser of text from outside, and what has to stand before the text so that it looks at all of it. */
const PARSERS: readonly Parser[] = [
  ['parseJson', (text) => parseJson(bytesOf(text), 'x'), ['', '{"', '"', '[1', '{"\\u0061":[']],
  ['parseKnownJson', (text) => parseKnownJson(text), ['', '{"', '"', '{"\\u0061":"']],
  ['CanonicalReader', (text) => canonical.read(bytesOf(text), 'x'), ['', '{"', '[1']],
  ['memberSpans', (text) => memberSpans(JSON.stringify({ [text]: text, a: [text] }))],
  ['parseStatement', (text) => parseStatement(bytesOf(JSON.stringify({ _type: text, subject: text })), 'x')],
  ['trimOf', (text) => trimOf(text, ' \0\t')],
  ['instantFrom', instantFrom, ['', '2026-01-01T00:00:00.', '2026-01-01T00:00:00.1']],
  ['parseDuration', parseDuration, ['', '1', 'P1']],
  ['parseDigest', parseDigest, ['', 'sha256:', 'a:']],
  ['parseReference', parseReference, ['', 'oci:', 'a/b', 'a.b/c:', 'a.b/c@', 'oci-archive:a:', 'a.b/c/']],
  ['redactUrl', redactUrl, ['', 'http://', 'http://a:b@c/']],
  ['parseChallenges', (text) => parseChallenges([text]), ['', 'Bearer ', 'Bearer a="', 'Bearer a=b,', 'Basic a']],
  ['nextLink', nextLink, ['', '<', '<a>;', '<a>; rel="', '<a>; rel=']],
  ['parseWarnings', (text) => parseWarnings([text]), ['', '299 ', '299 - "', '299 - "a"', '299 - "a" "']],
  ['parseRetryAfter', (text) => parseRetryAfter(text, new Date(0)), ['', 'Mon, ']],
  ['isPartialName', isPartialName, ['', '.', `.${'a'.repeat(64)}.`]],
  ['parseRepositoryName', parseRepositoryName, ['', 'a']],
  ['parseTag', parseTag, ['', 'a']],
  ['parseRange', (text) => parseRange(text, 10), ['', 'bytes=', 'bytes=1-', 'bytes=1']],
  ['parseChunkRange', parseChunkRange, ['', '1-', '1']],
  ['parseCredentials', parseCredentials, ['', 'Basic ', 'Basic YQ==']],
  ['networkOf', networkOf, ['', '::1%', '::ffff:']],
  ['parseHtpasswd', (text) => parseHtpasswd(text, 'x'), ['', 'a:']],
  ['base64From', base64From, ['', 'YQ']],
  ['decodePax', (text) => decodePax(bytesOf(text), 'x'), ['', '9 a=', '8 ']],
  ['oneLine', oneLine],
  ['parseVector', parseVector, ['', 'CVSS:3.1/', 'AV:N/']],
  ['packageOfPurl', packageOfPurl, ['', 'pkg:', 'pkg:npm/', 'pkg:npm/a@', 'pkg:npm/a?']],
  ['canonicalReference', canonicalReference, ['', 'https://', 'https://a/', 'https://a/?']],
  ['compileGlob', (text) => compileGlob('*a*b?c')(text)],
  ['departuresOfAdvisory', checkAdvisory, ['', 'https:', 'pkg:']],
  ['encodeOlpc', (text) => encodeOlpc({ [text]: text })],
  ['isTargetPath', isTargetPath, ['', 'a/']],
  ['isPathPattern', isPathPattern],
  ['isStreamName', isStreamName, ['', 'a']],
  ['coversPath', (text) => coversPath('*a*/b?*', text)],
  ['parseTimestamp', (text) => parseTimestamp(bytesOf(text), 'x'), ['', '{"signatures":[', '{"signed":{"']],
  ['parseTargets', checkTargets],
  ['parseSelector', (text) => parseSelector({ packages: [text], modifiedSince: text })],
  ...GRAMMARS.flatMap(([name, grammar]): Parser[] => {
    const prefixes = ['', '1.0', '1.0-', '1.0.0-a', '1.0+a'];
    return [
      [`a bound for ${name}`, (text) => grammar.bound(text), prefixes],
      [`a version of ${name}`, (text) => grammar.installed(text), prefixes],
    ];
  }),
];

/** What hostile text is made of: characters that mean something in one of the grammars, alone and side by side. */
const UNITS = [...' \t\n\0a0A.,:;=-_+*/\\"<([{@%!?&|é'].concat(
  ['. ', 'a.', '0.', '-a', 'a,', '=a ', '\\"', 'a/', '%2', '[{', 'a:', '\r\n', '= '],
  ['"a":1,', '{"a":', '-----', 'a="b", ', '<a>,', '299 - "a",'],
);

const [LESS, MORE] = [4 * 1024, 16 * 1024];
/** Between the 4 of linear work and the 16 of quadratic work. */
const MAX_GROWTH = 9;

function hostile(prefix: string, unit: string, length: number): string {
  return `${prefix}${unit.repeat(length / unit.length)}!`;
}

/** Milliseconds that a parser takes over a text so many times: the least of three runs. */
function costOf(parse: (text: string) => unknown, text: string, times: number): number {
  let least = Number.POSITIVE_INFINITY;
  for (let run = 0; run < 3; run++) {
    const started = performance.now();
    for (let i = 0; i < times; i++) {
      try {
        parse(text);
      } catch {
        // Refused, which is an answer as good as any.
      }
    }
    least = Math.min(least, performance.now() - started);
  }
  return least;
}

/**
 * How many times as much work four times the text is: 4 for linear parsers, 16 for quadratic ones. 1 where even the
 * longer text is little work, far less than a quadratic parser would need: 16,384 characters are more than a hundred
 * million pairs.
 */
function growthOf(parse: (text: string) => unknown, prefix: string, unit: string): number {
  const [less, more] = [hostile(prefix, unit, LESS), hostile(prefix, unit, MORE)];
  if (costOf(parse, more, 1) < 3) return 1;
  const times = Math.ceil(10 / Math.max(costOf(parse, less, 1), 0.1));
  let growth = Number.POSITIVE_INFINITY;
  // Work of others on the machine makes either of the two longer, so the best of some comparisons counts.
  for (let i = 0; i < 5 && growth > MAX_GROWTH; i++) {
    growth = Math.min(growth, costOf(parse, more, times) / costOf(parse, less, times));
  }
  return growth;
}

for (const [name, parse, prefixes = ['']] of PARSERS) {
  test(`${name} takes time linear in the length of hostile text`, () => {
    const faults: string[] = [];
    for (const prefix of prefixes) {
      for (const unit of UNITS) {
        const growth = growthOf(parse, prefix, unit);
        if (growth > MAX_GROWTH)
          faults.push(`${JSON.stringify(prefix)}, many ${JSON.stringify(unit)}: ${growth.toFixed(1)} times`);
      }
    }
    expect(faults).toEqual([]);
  });
}

/** What long hostile text is made of: what loops of regular expressions take, one or several characters a round. */
const LONG_UNITS = ['a', 'é', 'a.', '0.', '%41'];
/** V8 keeps places of at most 64 MiB for what a regular expression may have to try again. */
const LONG = 12 * 1024 * 1024;

test('no parser fails by itself on a text of 12 MiB', { timeout: 600_000 }, () => {
  const faults: string[] = [];
  for (const unit of LONG_UNITS) {
    const text = unit.repeat(LONG / unit.length);
    for (const [name, parse, prefixes = ['']] of PARSERS) {
      for (const prefix of prefixes) {
        const error = errorOf(() => parse(prefix + text));
        // What refuses a text has a code, or says that the range or the type is not the one that it takes.
        if (/call stack|Invalid string length|out of memory/.test(String(error)))
          faults.push(`${name}: ${JSON.stringify(prefix)}, many ${JSON.stringify(unit)}: ${String(error)}`);
      }
    }
  }
  expect(faults).toEqual([]);
});

function errorOf(run: () => unknown): unknown {
  try {
    run();
    return undefined;
  } catch (error) {
    return error;
  }
}

/** Looks at every eighth character before each: quadratic, and as slow per step however long the text is. */
function comparePairs(text: string): number {
  let equal = 0;
  for (let i = 0; i < text.length; i++) {
    for (let j = 0; j < i; j += 8) if (text.charCodeAt(i) === text.charCodeAt(j)) equal++;
  }
  return equal;
}

test('the measurement finds quadratic work', () => {
  expect(growthOf((text) => text.replace(/a+$/, ''), '', 'a')).toBeGreaterThan(MAX_GROWTH);
  expect(growthOf(comparePairs, '', 'a')).toBeGreaterThan(MAX_GROWTH);
});
