import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';

/**
 * Classes of which a target lacks something, as `class have/want`; `nothing` where there are none.
 *
 * @param shared the directory with `tools`
 */
export async function countLost(
  shared: string,
  source: string,
  target: string,
  repositories: readonly string[],
): Promise<string> {
  const count = [join(shared, 'tools', 'count-mirror'), '--repos', repositories.join(','), source, target];
  const lines = (await runAnyway('python3', count)).split('\n').filter((line) => line !== '');
  const lacking = lines.filter((line) => {
    const [have, want] = (line.split(' ')[1] ?? '').split('/');
    return have !== want;
  });
  return lacking.length === 0 ? 'nothing' : lacking.join(', ');
}

async function runAnyway(command: string, args: readonly string[]): Promise<string> {
  try {
    return (await promisify(execFile)(command, args)).stdout;
  } catch (error) {
    return String((error as { stdout?: string }).stdout ?? '');
  }
}
