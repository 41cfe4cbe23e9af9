/**
 * Lets the threads that the code under test starts load its sources as they are. vitest compiles
 * what runs in its own thread; what a `Worker` loads it never sees.
 */
import { register } from 'node:module'
import { isMainThread } from 'node:worker_threads'

if (!isMainThread) register('../../src/launch/typescript-hooks.mjs', import.meta.url)
