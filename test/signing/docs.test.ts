import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { encodeCanonical } from '#core';
import {
  encodeStatement,
  exportBuild,
  keyidAnnotation,
  parseProvenance,
  parseStatement,
  provenanceStatement,
  type Statement,
  signatureStatement,
} from '#signing';
import { encodeSimpleSigning, parseSimpleSigning } from '../../src/signing/simple-signing.ts';
import { readJson } from '../core/read-json.ts';

let page: string;

beforeAll(async () => {
  page = await readFile(join(import.meta.dirname, '../../docs/formats/signing.md'), 'utf8');
});

/** The bytes of the example under that name. */
function example(name: string): Uint8Array {
  const text = new RegExp(`^\`\`\`json ${name}\n(.*?)\n\`\`\`$`, 'ms').exec(page)?.[1];
  if (text === undefined) throw new Error(`the page has no example ${name}`);
  return Buffer.from(text);
}

const canonical = (bytes: Uint8Array) => encodeCanonical(readJson(Buffer.from(bytes).toString()));

describe('docs/formats/signing.md', () => {
  it('shows a payload that we write byte for byte', () => {
    const signing = parseSimpleSigning(example('simple-signing'), 'the example');
    expect(encodeSimpleSigning(signing)).toEqual(example('simple-signing'));
  });

  it('shows a signature as we make it', () => {
    const { digest } = parseSimpleSigning(example('simple-signing'), 'the example');
    expect(encodeStatement(signatureStatement(digest))).toEqual(canonical(example('statement')));
  });

  it('shows a provenance that we read and write', () => {
    const statement: Statement = parseStatement(example('provenance'), 'the example');
    const provenance = parseProvenance(statement, 'the example', exportBuild);
    if (provenance === undefined) throw new Error('not of our build type');
    const written = provenanceStatement(statement.subject, provenance, exportBuild);
    expect(encodeStatement(written)).toEqual(canonical(example('provenance')));
  });

  it('names build type and annotation as the code has them', () => {
    expect(page).toContain(`### Build type \`${exportBuild.uri}\``);
    expect(page).toContain(`| \`${keyidAnnotation}\` |`);
  });
});
