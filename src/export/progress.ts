/** What a run is doing. */
export type Stage = 'read' | 'pack' | 'send' | 'check' | 'fetch';

/** How far a stage has come. Counters only grow within a stage. */
export interface Progress {
  readonly stage: Stage;
  /** Records read or packed, bytes sent or checked. */
  readonly done: number;
  /** The end, where it is known. */
  readonly total?: number | undefined;
  readonly unit: 'records' | 'bytes';
  /** Contents that are being sent at the moment, where that is known. */
  readonly underWay?: number | undefined;
}

/** Told of progress, often; must be quick and must not throw. */
export type ProgressListener = (progress: Progress) => void;
