import { closeSync, constants, open as openFile } from 'node:fs';
import { promisify } from 'node:util';
import { type Digest, type DigestAlgorithm, Digester } from '#core';
import type { ByteStream } from '#oci/image';
import { type HashedStream, openOnThread, type ReadInto, readError, readFileRange, readInto } from './file-read.ts';
import type { ThreadedFile } from './threaded-file.ts';

const open = promisify(openFile);

/** A file of so many bytes, read and hashed on another thread where there is one; its chunks are reused buffers. */
export function readHashedFile(path: string, size: number, algorithm: DigestAlgorithm): HashedStream {
  const digested = Promise.withResolvers<Digest>();
  const stream = async function* (): ByteStream {
    let file: number | undefined;
    let threaded: ThreadedFile | undefined;
    try {
      // What has become a pipe since it was looked at is not waited for.
      file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
      threaded = await openOnThread(file);
      await threaded?.hash(algorithm);
      const here = new Digester(algorithm);
      const reads = threaded === undefined ? readHere(here) : readThere(threaded);
      yield* readFileRange(file, { start: 0, end: size - 1 }, true, reads);
      digested.resolve(await (threaded ?? here).digest());
    } catch (error) {
      throw readError(error, path);
    } finally {
      await threaded?.end();
      if (file !== undefined) closeSync(file);
    }
  };
  return { stream: stream(), digest: () => digested.promise };
}

function readThere(threaded: ThreadedFile): ReadInto {
  return (_, buffer, position) => threaded.read(buffer, position);
}

function readHere(digester: Digester): ReadInto {
  return async (file, buffer, position) => {
    const size = await readInto(file, buffer, position);
    digester.update(buffer.subarray(0, size));
    return size;
  };
}
