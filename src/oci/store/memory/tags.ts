import type { Digest } from '#core';
import { parseTag } from '../names.ts';
import { pageOf } from '../pages.ts';
import type { Page, PageQuery, TagStore } from '../registry-store.ts';
import type { RepositoryContent } from './content.ts';

/** The tags of one repository. */
export class MemoryTags implements TagStore {
  readonly #tags: Map<string, Digest>;

  constructor({ tags }: RepositoryContent) {
    this.#tags = tags;
  }

  async read(tag: string): Promise<Digest | undefined> {
    return this.#tags.get(parseTag(tag));
  }

  async delete(tag: string): Promise<boolean> {
    return this.#tags.delete(parseTag(tag));
  }

  async list({ after = '', limit }: PageQuery): Promise<Page<string>> {
    return await pageOf(
      this.#sorted().filter((tag) => tag > after),
      limit,
    );
  }

  async *all(): AsyncGenerator<string> {
    yield* this.#sorted();
  }

  #sorted(): string[] {
    return [...this.#tags.keys()].sort();
  }
}
