import { CodedError } from '#core';
import { PageFault } from './damage.ts';
import {
  type BranchElement,
  DecodeError,
  decodeBranch,
  decodeLeafCount,
  decodeLeafElement,
  decodeLeafPlaces,
  type LeafElement,
  type LeafPlace,
} from './decode.ts';
import { HEADER_SIZE, PAGE_FLAG } from './format.ts';
import type { PageReader, PageSpan } from './page-reader.ts';

/** Up to this size a page is in memory as a whole; of a larger leaf, one value at a time. */
export const WHOLE_PAGE = 256 * 1024;

/** Largest value that is read, in bytes: one is in memory at a time. */
export const maxValueBytes = 256 * 1024 * 1024;

/** The elements of a leaf, each to be had by its place. */
export interface Leaf {
  readonly count: number;
  at(index: number): LeafElement | Promise<LeafElement>;
}

/** A page of a bucket's tree, or an inline bucket. */
export type Node = { readonly leaf: Leaf } | { readonly branch: readonly BranchElement[] };

/** Reads a page of a bucket's tree. @throws PageFault; CodedError ERR_EXPORT_TOO_LARGE */
export async function readNode(pages: PageReader, span: PageSpan): Promise<Node> {
  const { id, header, sizeBytes } = span;
  if (header.flags === PAGE_FLAG.branch) {
    if (sizeBytes > WHOLE_PAGE) throw new PageFault(id, `is a branch of ${sizeBytes} bytes`);
    return { branch: pages.decode(decodeBranch, await pages.bytes(span), id) };
  }
  if (sizeBytes <= WHOLE_PAGE) return { leaf: new WholeLeaf(pages, await pages.bytes(span), id, '') };
  return { leaf: new LargeLeaf(pages, span, await readPlaces(pages, span)) };
}

/** Where the elements of a leaf are, of which only the table was read. */
export async function readPlaces(pages: PageReader, span: PageSpan): Promise<LeafPlace[]> {
  const head = await pages.bytes(span, 0, HEADER_SIZE * (1 + span.header.count));
  return pages.decode((bytes) => decodeLeafPlaces(bytes, span.sizeBytes), head, span.id);
}

/** The leaf that an inline bucket is. @param id of the page whose element it is */
export function inlineNode(pages: PageReader, page: Uint8Array, id: number): Node {
  return { leaf: new WholeLeaf(pages, page, id, 'has an inline bucket that ') };
}

class WholeLeaf implements Leaf {
  readonly count: number;
  readonly #bytes: Uint8Array;
  readonly #page: number;
  readonly #within: string;

  constructor(pages: PageReader, bytes: Uint8Array, page: number, within: string) {
    this.count = pages.decode(decodeLeafCount, bytes, page, within);
    this.#bytes = bytes;
    this.#page = page;
    this.#within = within;
  }

  at(index: number): LeafElement {
    try {
      return decodeLeafElement(this.#bytes, index);
    } catch (error) {
      throw error instanceof DecodeError ? new PageFault(this.#page, this.#within + error.message) : error;
    }
  }
}

class LargeLeaf implements Leaf {
  readonly #pages: PageReader;
  readonly #span: PageSpan;
  readonly #places: readonly LeafPlace[];

  constructor(pages: PageReader, span: PageSpan, places: readonly LeafPlace[]) {
    this.#pages = pages;
    this.#span = span;
    this.#places = places;
  }

  get count(): number {
    return this.#places.length;
  }

  async at(index: number): Promise<LeafElement> {
    const { start, keyEnd, end, isBucket } = this.#places[index] as LeafPlace;
    if (end - start > maxValueBytes) throw valueTooLarge(this.#pages.name, this.#span.id, end - keyEnd);
    const bytes = await this.#pages.bytes(this.#span, start, end);
    return { key: bytes.subarray(0, keyEnd - start), value: bytes.subarray(keyEnd - start), isBucket };
  }
}

/** The error for a value that memory is not meant to hold. */
export function valueTooLarge(name: string, page: number, sizeBytes: number): CodedError {
  return new CodedError('ERR_EXPORT_TOO_LARGE', `${name}: page ${page}: a value of ${sizeBytes} bytes`, {
    hint: `specify a database whose values have at most ${maxValueBytes} bytes`,
    details: { path: name },
  });
}
