import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { commandsOf, outputPattern } from './console.ts';
import { parseDirective } from './directive.ts';
import { anchorsOf, parseBlocks } from './markdown.ts';
import { Session } from './session.ts';

describe('a session', () => {
  let session: Session;
  beforeEach(async () => {
    session = await Session.open(false);
  });
  afterEach(() => session.close());

  test('is a terminal: variables and folder last, a failing command ends the block', async () => {
    expect(await session.run("export WORD='a b'\nmkdir inner\ncd inner")).toMatchObject({ exit: 0 });
    expect(await session.run('echo "$WORD"\nbasename "$PWD"')).toEqual({ exit: 0, output: 'a b\ninner\n' });
    expect(await session.run('false\necho not reached')).toEqual({ exit: 1, output: '' });
  });

  test('stands in a copy of the checkout, with a home of its own', async () => {
    const { output } = await session.run('ls package.json bin/export-center\nls -A "$HOME"\npwd');
    expect(output).toMatch(/^bin\/export-center\npackage\.json\n.*\/checkout\n$/);
  });

  test('a server serves the blocks below, on the port that it chose', async () => {
    const server = `node -e "
      const server = require('node:http').createServer((_, response) => response.end('hello'));
      server.listen(0, '127.0.0.1', () => console.log('serving on 127.0.0.1:' + server.address().port));"`;
    expect(await session.serve(server, 'serving on')).toMatchObject({ exit: null });
    const client = `node -e "fetch('http://127.0.0.1:8080/').then((r) => r.text()).then(console.log)"`;
    expect(await session.run(client)).toEqual({ exit: 0, output: 'hello\n' });
  });

  test('a server that ends instead is no server', async () => {
    expect(await session.serve('echo oops; exit 7', 'ready')).toEqual({ exit: 7, output: 'oops\n' });
  });
});

test('the comment above a block says what becomes of it', () => {
  const text = [
    '<!-- run: needs oras cosign; exit 3 -->',
    '```sh',
    'one',
    '```',
    '<!-- not run: it would take the disk away -->',
    '',
    '```console',
    '$ two',
    '```',
    '<!-- not run: too short a reason? no, but this text parts them -->',
    'text',
    '```sh',
    'three',
    '```',
  ].join('\n');
  const blocks = parseBlocks('page.md', text);
  expect(blocks.map(({ line, language, text: content }) => [line, language, content])).toEqual([
    [2, 'sh', 'one'],
    [7, 'console', '$ two'],
    [12, 'sh', 'three'],
  ]);
  const usual = { notRun: undefined, needs: [], exit: 0, until: undefined };
  expect(blocks.map(parseDirective)).toEqual([
    { ...usual, needs: ['oras', 'cosign'], exit: 3 },
    { ...usual, notRun: 'it would take the disk away' },
    usual,
  ]);
});

test.each(['not run:', 'not run: why', 'run needs oras', 'run: need oras', 'run: exit x'])(
  'a comment that is not understood is an error: %s',
  (comment) => {
    const [block] = parseBlocks('page.md', `<!-- ${comment} -->\n\`\`\`sh\ntrue\n\`\`\``);
    expect(() => parseDirective(block as never)).toThrow('page.md:2');
  },
);

test('headings have anchors', () => {
  expect(anchorsOf('# One: two `x`\n## A.b\n```sh\n# not one\n```\n## A.b\n')).toEqual(['one-two-x', 'ab', 'ab-1']);
});

test('a console block holds what is typed and what is printed', () => {
  const text = '$ first\nsha256:… done (1.5 s)\n…\n$ second\nlast';
  expect(commandsOf(text)).toBe('first\nsecond');
  const pattern = outputPattern(text);
  expect('before\nsha256:abc done (1.5 s)\nbetween\nlast\nafter\n').toMatch(pattern);
  expect('sha256:abc done (1x5 s)\nlast\n').not.toMatch(pattern);
  expect('last\nsha256:abc done (1.5 s)\n').not.toMatch(pattern);
  expect('sha256:abc done (1.5 s)\nat last\n').not.toMatch(pattern);
});
