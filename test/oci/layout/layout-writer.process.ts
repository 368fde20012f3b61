import { packManifest, parseReference } from '#oci/image';
import { openRepository } from '#oci/transfer';
import { describe, inPieces, noise } from '../content.ts';

/**
 * Writes artifacts into the repository of a reference, each with a large layer and a tag of its own, and says `tagged
 * TAG` as soon as one is acknowledged. Arguments: reference, prefix of the tags, number, bytes of a layer.
 */
const [reference = '', prefix = '', count = '0', layerBytes = '0'] = process.argv.slice(2);
const repository = await openRepository(parseReference(reference), { create: true });
try {
  for (let i = 0; i < Number(count); i++) {
    const bytes = noise(Number(layerBytes), `${prefix}${i}`);
    const config = describe(Buffer.from('{}'), 'application/vnd.oci.empty.v1+json');
    await repository.push(config, inPieces(Buffer.from('{}'), 2));
    await repository.push(describe(bytes), inPieces(bytes, 65_536));
    const packed = packManifest({ artifactType: 'x/y', config, layers: [describe(bytes)] });
    await repository.push(packed.descriptor, inPieces(packed.bytes, 1000));
    await repository.tag(packed.descriptor, `${prefix}${i}`);
    process.stdout.write(`tagged ${prefix}${i}\n`);
  }
} finally {
  await repository.close();
}
