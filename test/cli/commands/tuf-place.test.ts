import { expect, test } from 'vitest';
import { parseTufPlace } from '../../../src/cli/tuf/place.ts';
import { refusal } from '../../tuf/refusal.ts';

test.each(['repo', 'out/tuf', './registry.example/tuf:latest', '/srv/tuf', 'registry.example/tuf', 'a:b', ''])(
  '%j is a directory',
  (text) => {
    expect(parseTufPlace(text)).toBeUndefined();
  },
);

test.each([
  'registry.example/security/tuf:latest',
  '127.0.0.1:5000/tuf:1',
  'localhost/tuf:1',
  'oci:dir:tuf',
  'oci:dir',
])('%j is a reference', (text) => {
  expect(parseTufPlace(text)).toBeDefined();
});

test.each(['https://registry.example/tuf', 'docker://registry.example/tuf:1', 'oci:'])('%j is refused', (text) => {
  expect(() => parseTufPlace(text)).toThrow(refusal('ERR_EXPORT_REFERENCE_INVALID'));
});
