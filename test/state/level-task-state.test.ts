import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach } from 'vitest'
import { openStateDirectory } from '../../state/index.ts'
import { taskStateSuite } from './task-state-suite.ts'

let path: string

beforeEach(() => {
  path = mkdtempSync(join(tmpdir(), 'millrace-state-'))
})

afterEach(() => {
  rmSync(path, { recursive: true, force: true })
})

taskStateSuite('LevelDB', () => openStateDirectory(path))
taskStateSuite('LevelDB without a cache', () => openStateDirectory(path, { cacheBytesMax: 0 }))
