import { expect, test } from 'vitest';
import { differences, type Finding } from './findings.ts';

const finding: Finding = {
  lockFile: 'round-000/go.mod',
  id: 'CVE-1-1',
  name: 'a.example/b',
  installed: 'v1.0.0',
  fixed: '1.0.1',
  severity: 'HIGH',
  title: 'A title',
};

test('the same findings in another order do not differ', () => {
  const other = { ...finding, id: 'CVE-1-2' };
  expect(differences([finding, other], [{ ...other }, { ...finding }])).toEqual([]);
});

test.each([
  ['lockFile', 'round-001/go.mod', ['only ours', 'only theirs']],
  ['id', 'CVE-1-2', ['only ours', 'only theirs']],
  ['name', 'a.example/c', ['only ours', 'only theirs']],
  ['installed', 'v1.0.0-0', ['only ours', 'only theirs']],
  ['fixed', '1.0.2', ['fixed']],
  ['severity', 'LOW', ['severity']],
  ['title', 'Another title', ['title']],
])('another %s is a difference', (member, value, expected) => {
  expect(differences([finding], [{ ...finding, [member]: value }]).map(({ what }) => what)).toEqual(expected);
});

test('findings that one side lacks are told by side', () => {
  expect(differences([finding], [])).toEqual([{ what: 'only ours', finding }]);
  expect(differences([], [finding])).toEqual([{ what: 'only theirs', finding }]);
});
