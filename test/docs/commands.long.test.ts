import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import type { PeerName } from '../peers/find.ts';
import { peerNames, requirePeer, testPeers } from '../peers/peers.ts';
import { commandsOf, outputPattern } from './console.ts';
import { type Directive, parseDirective, where } from './directive.ts';
import { type Block, listPages, parseBlocks, readPage } from './markdown.ts';
import { type Outcome, Session } from './session.ts';

vi.setConfig({ testTimeout: 300_000, hookTimeout: 60_000 });

const pages = listPages('README.md', 'docs/*.md', 'docs/**/*.md');
const blocks = pages.flatMap((page) => parseBlocks(page, readPage(page)));
const isRunnable = ({ language }: Block): boolean => language === 'sh' || language === 'console';

/** Commands that pages call by another name than the peer has here. */
const COMMANDS: Readonly<Record<string, PeerName>> = { cosign: 'cosign3' };

function peerFor(command: string): PeerName {
  const name = COMMANDS[command] ?? peerNames.find((peer) => peer === command);
  if (name === undefined) throw new Error(`no peer gives the command ${command}`);
  return name;
}

describe.each(pages.filter((page) => blocks.some((block) => block.page === page && isRunnable(block))))(
  '%s',
  (page) => {
    const own = blocks.filter((block) => block.page === page && isRunnable(block));
    let session: Session;

    beforeAll(async () => {
      session = await Session.open(own.some(({ text }) => /\bnpm (ci|i|install|cit)\b/.test(text)));
    });
    afterAll(() => session.close());

    for (const block of own) {
      const directive = parseDirective(block);
      if (directive.notRun !== undefined) {
        test.skip(`${where(block)} is not run: ${directive.notRun}`);
        continue;
      }
      testPeers(directive.needs.map(peerFor), where(block), async () => {
        for (const command of directive.needs) await session.provide(command, requirePeer(peerFor(command)));
        expectOutcome(block, directive, await perform(session, block, directive));
      });
    }
  },
);

function perform(session: Session, block: Block, { until }: Directive): Promise<Outcome> {
  const commands = block.language === 'sh' ? block.text : commandsOf(block.text);
  return until === undefined ? session.run(commands) : session.serve(commands, until);
}

function expectOutcome(block: Block, { exit, until }: Directive, outcome: Outcome): void {
  expect(outcome.exit, outcome.output).toBe(until === undefined ? exit : null);
  if (block.language === 'console') expect(outcome.output).toMatch(outputPattern(block.text));
}

test('each block says in what language it is, and commands are sh or console', () => {
  for (const block of blocks) {
    expect(block.language, where(block)).toMatch(/^(sh|console|json|text|mermaid|ts|http|yaml)$/);
  }
});
