import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'vitest';
import { advisory } from '../fixtures/records.ts';
import { expectFailure, type Failure } from './failures.ts';
import { CliFixture, type CommandOptions } from './fixture.ts';

/** A layout with a valid bundle under a tag, which no failure may touch. */
export class Standing implements AsyncDisposable {
  readonly fixture: CliFixture;
  readonly layout: string;

  private constructor(fixture: CliFixture, layout: string) {
    this.fixture = fixture;
    this.layout = layout;
  }

  static async open(): Promise<Standing> {
    const fixture = await CliFixture.open();
    const layout = join(fixture.path, 'standing');
    const source = await fixture.folder({ 'valid.json': advisory('SOUND-1') });
    const args = ['--profile', 'json:raw', '--source', source, '--to', `oci:${layout}:good`, '--unsigned'];
    const { exit, stderr } = await fixture.run(['export', ...args]);
    if (exit !== 0) throw new Error(`export ended with ${exit}:\n${stderr}`);
    return new Standing(fixture, layout);
  }

  /** Exports to the very tag that is there; it must fail so, and leave all as it was. */
  async refuses(
    sources: readonly string[],
    failure: Failure,
    args: readonly string[] = [],
    options?: CommandOptions,
  ): Promise<void> {
    const named = sources.flatMap((source) => ['--source', source]);
    const profile = args.includes('--profile') ? [] : ['--profile', 'json:raw'];
    const to = ['--to', `oci:${this.layout}:good`, '--unsigned'];
    const before = await stateOf(this.layout);
    const outcome = await this.fixture.run(['export', ...profile, ...named, ...to, ...args], options);
    await expectFailure(this.fixture, outcome, failure);
    expect(await stateOf(this.layout)).toBe(before);
  }

  /** Exports to the tag that is there, and succeeds. */
  async accepts(sources: readonly string[]): Promise<void> {
    const named = sources.flatMap((source) => ['--source', source]);
    const to = ['--to', `oci:${this.layout}:good`, '--unsigned'];
    const before = await stateOf(this.layout);
    const outcome = await this.fixture.run(['export', '--profile', 'json:raw', ...named, ...to]);
    expect(outcome).toMatchObject({ exit: 0, stderr: '' });
    expect(await stateOf(this.layout)).not.toBe(before);
    expect(await this.fixture.leftovers()).toEqual([]);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.fixture[Symbol.asyncDispose]();
  }
}

/** Every file of a folder with its content, as one text. */
export async function stateOf(folder: string): Promise<string> {
  const lines: string[] = [];
  for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name);
    const hash = entry.isFile()
      ? createHash('sha256')
          .update(await readFile(path))
          .digest('hex')
      : 'no file';
    lines.push(`${path.slice(folder.length + 1)} ${hash}`);
  }
  return lines.sort().join('\n');
}
