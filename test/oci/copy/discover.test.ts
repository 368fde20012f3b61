import { expect, test } from 'vitest';
import { type Descriptor, hexOf } from '#core';
import { contentOf, emptyConfig, emptyDescriptor, packManifest, type Repository } from '#oci/image';
import { openLayout } from '#oci/layout';
import { discover, type ReferrerTree } from '#oci/transfer';
import { makeTempDir } from '../../fixtures/temp-dir.ts';

async function push(repository: Repository, artifactType: string, subject?: Descriptor): Promise<Descriptor> {
  await repository.push(emptyDescriptor, contentOf(emptyConfig));
  const { descriptor, bytes } = packManifest({ artifactType, subject });
  await repository.push(descriptor, contentOf(bytes));
  return descriptor;
}

function shape({ descriptor, found, children }: ReferrerTree): unknown {
  return [found, descriptor.artifactType, children.map(shape)];
}

test('discover: referrers of referrers and cosign tags, each once, tags last', async () => {
  const dir = await makeTempDir();
  const repository = await openLayout(dir, { create: true, durable: false });
  try {
    const root = await push(repository, 'test/root');
    const signature = await push(repository, 'test/signature', root);
    await push(repository, 'test/of-signature', signature);
    const tag = `sha256-${hexOf(root.digest)}.sig`;
    await repository.tag(await push(repository, 'test/legacy'), tag);
    const tree = await discover(repository, root);
    expect(shape(tree)).toEqual([
      'subject',
      'test/root',
      [
        ['referrer', 'test/signature', [['referrer', 'test/of-signature', []]]],
        [tag, undefined, []],
      ],
    ]);
  } finally {
    await repository.close();
  }
});

test('discover: nothing hangs on what nobody refers to', async () => {
  const dir = await makeTempDir();
  const repository = await openLayout(dir, { create: true, durable: false });
  try {
    expect((await discover(repository, await push(repository, 'test/alone'))).children).toEqual([]);
  } finally {
    await repository.close();
  }
});
