import type { Command } from 'commander';
import type { Io } from '../io.ts';
import { diffCommand } from './diff.ts';
import { inspectCommand } from './inspect.ts';

/** `trivy`: reads databases for Trivy, whoever built them. */
export function trivyCommand(command: Command, io: Io): void {
  inspectCommand(command.command('inspect'), io);
  diffCommand(command.command('diff'), io);
  command.addHelpText('after', EXAMPLE);
}

const EXAMPLE = `
Build databases with export --profile trivy:db, and merge records into an official one with --base-db.

Example:
  export-center trivy inspect ghcr.io/aquasecurity/trivy-db:2
  export-center trivy diff oci:feed:2-monday oci:feed:2`;
