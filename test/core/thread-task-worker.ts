import { setTimeout } from 'node:timers/promises';
import { CodedError, runThreadTask } from '#core';

export const workerUrl = new URL(import.meta.url);

void runThreadTask('test/task', run);

async function run(task: string, note: (note: string) => void): Promise<string> {
  note('begun');
  switch (task) {
    case 'work':
      return new Later().answer;
    case 'coded':
      throw new CodedError('ERR_EXPORT_DISK_FULL', 'x: no space left', { hint: 'free some', details: { path: 'x' } });
    case 'fault':
      throw new TypeError('not a function');
    case 'memory':
      throw new RangeError('Array buffer allocation failed');
    case 'exit':
      return process.exit(0);
    default:
      await setTimeout(600_000);
      return 'too late';
  }
}

/** Not there yet when the module asks for the task. */
class Later {
  readonly answer = 'done';
}
