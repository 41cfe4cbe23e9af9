/** The names of producers that outlive a killed process, whatever number of threads it had. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import {
  leftTransactionalIds,
  producerFile,
  removeTransactionalId,
  writeTransactionalId,
} from '../../src/kafka/transactional-id.ts'

let directory = ''

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'millrace-producers-'))
})

afterEach(() => rmSync(directory, { recursive: true }))

it('names of all threads are left, until they are removed', async () => {
  for (const thread of [1, 2, 12]) {
    await writeTransactionalId(producerFile(directory, thread), `shop-${thread}`)
  }
  const left = await leftTransactionalIds(directory)
  expect(left.map(({ id }) => id)).toEqual(['shop-1', 'shop-12', 'shop-2'])
  for (const { path } of left) await removeTransactionalId(path)
  expect(await leftTransactionalIds(directory)).toEqual([])
})

it('nothing else in the directory is taken for a name', async () => {
  expect(await leftTransactionalIds(join(directory, 'missing'))).toEqual([])
  for (const file of ['producer.71.tmp', 'producer-', 'producer-x', 'topology.json']) {
    writeFileSync(join(directory, file), 'not a name')
  }
  // A file that was begun when the machine went down.
  writeFileSync(producerFile(directory), '')
  expect(await leftTransactionalIds(directory)).toEqual([])
})
