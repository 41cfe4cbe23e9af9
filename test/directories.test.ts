import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { makeDirectory } from '../src/directories.ts'

function temporary(): string {
  const path = mkdtempSync(join(tmpdir(), 'millrace-directories-'))
  onTestFinished(() => rmSync(path, { recursive: true, force: true }))
  return path
}

test('a directory is made with all that leads to it, and once', () => {
  const path = join(temporary(), 'a', 'b', 'c')
  makeDirectory(path)
  makeDirectory(path)
  expect(statSync(path).isDirectory()).toBe(true)
})

test('a place below a file is refused', () => {
  const file = join(temporary(), 'file')
  writeFileSync(file, '')
  expect(() => makeDirectory(join(file, 'a'))).toThrow(/ENOTDIR|EEXIST/)
  expect(() => makeDirectory(file)).toThrow(/EEXIST/)
})

test('a place where nothing can be made is refused, and not tried for ever', () => {
  // There is no /proc everywhere; its root can be written to nowhere.
  expect(() => makeDirectory('/proc/millrace/state')).toThrow(/ENOENT|EACCES|EPERM|EROFS/)
})
