import { describe, expect, it } from 'vitest';
import { canonicalReference } from '../../src/artifacts/reference-url.ts';

// Each row was asked of Go's net/url by the steps that trivy-db takes.
describe('canonicalReference', () => {
  it.each([
    ['https://example.com', 'https://example.com'],
    ['https://example.com/a/b?x=1&y=[2]#frag', 'https://example.com/a/b?x=1&y=[2]#frag'],
    ['HTTPS://Example.COM/Path', 'https://example.com/Path'],
    ['https://lists.apache.org/t/e%40%3Cdev%3E', 'https://lists.apache.org/t/e@%3Cdev%3E'],
    ['https://lists.apache.org/t/e@<dev>', 'https://lists.apache.org/t/e@%3Cdev%3E'],
    ['https://example.com/a%2Fb', 'https://example.com/a%2Fb'],
    ['https://example.com/a%2Fb{', 'https://example.com/a/b%7B'],
    ['https://example.com/a(b),c;d!', 'https://example.com/a%28b%29%2Cc%3Bd%21'],
    ['https://example.com/é 日', 'https://example.com/%C3%A9%20%E6%97%A5'],
    ['https://example.com/a?', 'https://example.com/a'],
    ['https://example.com/a??', 'https://example.com/a??'],
    ['https://example.com/a#', 'https://example.com/a'],
    ['https://example.com/a?q=é b', 'https://example.com/a?q=é b'],
    ['https://example.com/#é b', 'https://example.com/#%C3%A9%20b'],
    ["https://example.com/#a'b", "https://example.com/#a'b"],
    ['https://user:secret@example.com:80/a', 'https://example.com:80/a'],
    ['https://exÄmple.com/', 'https://ex%C3%A4mple.com/'],
    ['http://[::1]:80/a', 'http://[::1]:80/a'],
    ['git://a:1:2/x(', 'git://a:1:2/x%28'],
  ])('gives %j the form %j', (reference, expected) => {
    expect(canonicalReference(reference)).toBe(expected);
    expect(canonicalReference(expected)).toBe(expected);
  });

  it.each([
    'not a URL',
    'mailto:Someone@Example.com',
    '//Example.com/A(',
    'HTTPS:///A(',
    'HTTPS://example.com/%zz',
    'HTTPS://example.com/a#%',
    'HTTPS://ex%41mple.com/',
    'HTTPS://example.com:8x/',
    'HTTPS://a:1:2/',
    'HTTPS://[1.2.3.4]/',
    'HTTPS://[::1/',
    'HTTPS://a b/',
    'HTTPS://u é@h/',
    'HTTPS://example.com/\t',
    '',
  ])('leaves %j as it is', (reference) => {
    expect(canonicalReference(reference)).toBe(reference);
  });
});
