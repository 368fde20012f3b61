// Exports a folder of records as a signed json:raw bundle into an OCI layout, and verifies it with the public key alone.
// Usage: node publish.mjs RECORDS LAYOUT, where `npm install export-center` was run.
import { runExport, verifyArtifact } from 'export-center';
import { systemClock } from 'export-center/core';
import { parseReference } from 'export-center/oci/image';
import { openRepository } from 'export-center/oci/transfer';
import { createSigner, createVerifier, generateKeyPair } from 'export-center/signing';

const [records = 'records', layout = 'layout'] = process.argv.slice(2);
const { privateKey, publicKey } = generateKeyPair();
const reference = parseReference(`oci:${layout}:latest`);

/** Runs `use` on the repository and closes it, which writes what is still pending. */
async function inRepository(use) {
  const repository = await openRepository(reference, { create: true });
  try {
    return await use(repository);
  } finally {
    await repository.close();
  }
}

const report = await inRepository((repository) =>
  runExport(
    { profile: 'json:raw', sources: [records], selector: {}, tenant: 'default', withholdInvalid: false },
    {
      destinations: [{ reference, repository }],
      signer: createSigner(privateKey),
      builderId: 'https://example.com/exports/library',
      builderVersion: {},
      clock: systemClock,
    },
  ),
);
const proof = await inRepository((repository) => verifyArtifact(reference, repository, createVerifier(publicKey)));
console.log(`${proof.reference}: ${report.records.kept} records, ${proof.layers.length} layers verified`);
