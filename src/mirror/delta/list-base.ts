import { createReadStream } from 'node:fs';
import { type Digest, fileError } from '#core';
import type { ByteStream } from '#oci/image';
import type { Base, BaseForm, BaseRequest } from './base.ts';
import { digestOfList, readDigestList } from './digest-list.ts';
import type { DigestSet } from './digest-set.ts';

const PREFIX = 'list:';

/** `list:FILE`: a digest list. */
export const listForm: BaseForm = {
  kind: 'list',
  form: 'list:FILE',
  parse(text) {
    if (!text.startsWith(PREFIX)) return undefined;
    const path = text.slice(PREFIX.length);
    return { name: text, resolve: async () => baseOf(await readDigestList(readFileStream(path), path), text) };
  },
};

/** A digest list that was read already. */
export function listBase(set: DigestSet, name: string): BaseRequest {
  return { name, resolve: async () => baseOf(set, name) };
}

function baseOf(set: DigestSet, name: string): Base {
  const has = (digest: Digest) => set.has(digest);
  return { kind: 'list', digest: digestOfList(set), name, has, tags: { known: 'none' } };
}

async function* readFileStream(path: string): ByteStream {
  try {
    yield* createReadStream(path) as AsyncIterable<Buffer>;
  } catch (error) {
    throw fileError(error, path);
  }
}
