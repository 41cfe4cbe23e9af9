/** The door of the state room. */
export type {
  Checkpoint,
  KeyValueState,
  RestoredRecord,
  SealedState,
  StateDirectory,
  StateSnapshot,
  StoreDefinition,
  StoreEntries,
  TaskState,
  ValueCodec,
} from './contract.ts'
export { latin1Bytes, latin1String } from './latin1.ts'
export { copyLevelDirectory } from './level-copy.ts'
export { LevelTaskState } from './level-task-state.ts'
export {
  LevelStateDirectory,
  openStateDirectory,
  type StateDirectoryOptions,
  shareStateDirectory,
  type TaskLocks,
} from './state-directory.ts'
export { openTaskCopy, type TaskCopy } from './task-copy.ts'
