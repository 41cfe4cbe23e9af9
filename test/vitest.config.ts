/**
 * How the tests run: small files side by side, each with its own ports and directories, and the
 * whole application as processes among them. More workers than processors: half of the files wait
 * for brokers and processes most of the time.
 */
import { availableParallelism } from 'node:os'
import { defineConfig } from 'vitest/config'
import { LongestFirst } from './support/longest-first.ts'

/** Rooms that compute only: their files share a process, and what it has loaded. */
const plain = [
  'aggregators',
  'avro',
  'demo',
  'dsl',
  'operators',
  'processor',
  'runtime',
  'serde',
  'simulation',
  'testing',
  'topologies',
  'topology',
  'views',
  'windows',
].map((room) => `test/${room}/**/*.test.ts`)

const maxWorkers = Math.max(4, availableParallelism())

export default defineConfig({
  root: new URL('..', import.meta.url).pathname,
  test: {
    globalSetup: ['test/support/global-broker.ts'],
    pool: 'forks',
    execArgv: ['--import', new URL('support/typescript-threads.mjs', import.meta.url).href],
    // Four files at a time on two processors, and a host that may take most of both away for
    // minutes: what takes a second alone may take a hundred.
    testTimeout: 300_000,
    hookTimeout: 300_000,
    maxWorkers,
    sequence: { sequencer: LongestFirst },
    projects: [
      { extends: true, test: { name: 'plain', include: plain, isolate: false } },
      {
        extends: true,
        test: {
          name: 'rooms',
          include: ['test/**/*.test.ts'],
          exclude: ['test/system/**', ...plain],
        },
      },
      { extends: true, test: { name: 'system', include: ['test/system/**/*.test.ts'] } },
    ],
  },
})
