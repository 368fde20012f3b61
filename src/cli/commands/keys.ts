import { type Command, Option } from 'commander';
import { encodePublicKey, generateKeyPair, type KeyKind, tufKeyKinds, writeKeyPair } from '#signing';
import { type Io, writeText } from '../io.ts';
import { loadPrivateKey } from '../key-files.ts';
import { type CommonOptions, withCommonOptions } from '../options.ts';
import { readNewPassword } from '../password.ts';

/** `keys generate` and `keys public`. */
export function keysCommand(command: Command, io: Io): void {
  withCommonOptions(command.command('generate'))
    .description('create cosign.key (encrypted), cosign.pub and trusted_root.json; never overwrites')
    .requiredOption('--out <dir>', 'directory for the three files; created if missing')
    .addOption(
      new Option('--type <type>', 'p256 for signatures that cosign verifies, ed25519 for TUF roles only')
        .choices(['p256', 'ed25519'])
        .default('p256'),
    )
    .addHelpText('after', GENERATE_EXAMPLE)
    .action((options: GenerateOptions) => generateKeys(io, options));
  withCommonOptions(command.command('public'))
    .description('print the public half of a private key')
    .requiredOption('--key <file>', 'private key (cosign.key)')
    .addHelpText('after', '\nExample:\n  export-center keys public --key keys/cosign.key > keys/cosign.pub')
    .action((options: CommonOptions & { key: string }) => printPublicKey(io, options));
  command.addHelpText('after', GENERATE_EXAMPLE);
}

const GENERATE_EXAMPLE = '\nExample:\n  COSIGN_PASSWORD= export-center keys generate --out keys';

interface GenerateOptions extends CommonOptions {
  readonly out: string;
  readonly type: KeyKind;
}

async function generateKeys(io: Io, options: GenerateOptions): Promise<void> {
  const password = await readNewPassword(io);
  const files = await writeKeyPair(options.out, generateKeyPair(options.type), password);
  const result = { privateKey: files.privateKey, publicKey: files.publicKey, trustedRoot: files.trustedRoot };
  const text = `${Object.values(result).join('\n')}\n`;
  await writeText(io.stdout, options.output === 'json' ? `${JSON.stringify(result)}\n` : text);
}

async function printPublicKey(io: Io, options: CommonOptions & { key: string }): Promise<void> {
  const pair = await loadPrivateKey(io, options.key, tufKeyKinds);
  const pem = encodePublicKey(pair);
  await writeText(io.stdout, options.output === 'json' ? `${JSON.stringify({ publicKey: pem })}\n` : pem);
}
