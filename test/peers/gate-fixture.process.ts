import { expect, test } from 'vitest';
import { describePeers, testPeers } from './peers.ts';

describePeers(['oras', 'crane'], 'with two peers', () => {
  test('one', () => expect(true).toBe(true));
  test('two', () => expect(true).toBe(true));
});

testPeers(['oras'], 'with one peer', () => expect(true).toBe(true));

describePeers([], 'with none', () => {
  test('three', () => expect(true).toBe(true));
});
