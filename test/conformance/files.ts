/** Reads case files: arrays of cases, one file or all below a directory. */
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { basename, join } from 'node:path'
import type { Case } from './case.ts'

export interface Cases {
  readonly cases: readonly Case[]
  /** Files that hold no cases, and why. */
  readonly faults: readonly { readonly file: string; readonly reason: string }[]
  /** Names of cases that are listed, and not judged. */
  readonly notJudged: ReadonlySet<string>
}

const quirksName = 'quirks.json'

/** Lists of cases that are not judged are found beside this file, and among `paths`. */
export function readCases(paths: readonly string[]): Cases {
  const files = paths.flatMap(jsonFiles)
  const isList = (file: string): boolean => basename(file) === quirksName
  const lists = [new URL(quirksName, import.meta.url).pathname, ...files.filter(isList)]
  const cases: Case[] = []
  const faults: { file: string; reason: string }[] = []
  for (const file of files.filter((one) => !isList(one))) {
    try {
      cases.push(...parseCases(readFileSync(file, 'utf8')))
    } catch (error) {
      faults.push({ file, reason: (error as Error).message })
    }
  }
  return { cases, faults, notJudged: new Set(lists.flatMap(readList)) }
}

export function parseCases(text: string): readonly Case[] {
  const found: unknown = JSON.parse(text)
  if (!Array.isArray(found)) throw new TypeError('not an array of cases')
  for (const [index, one] of found.entries()) {
    const fault = faultOf(one)
    if (fault !== undefined) throw new TypeError(`case ${index}: ${fault}`)
  }
  return found as Case[]
}

function faultOf(one: unknown): string | undefined {
  if (typeof one !== 'object' || one === null) return 'not an object'
  const { name, family, topology, steps, expected } = one as Record<string, unknown>
  if (typeof name !== 'string') return 'it has no name'
  if (typeof family !== 'string') return `'${name}' names no family`
  if (!Array.isArray(topology)) return `'${name}' has no topology`
  if (!Array.isArray(steps)) return `'${name}' has no steps`
  const outputs = (expected as { readonly outputs?: unknown } | null | undefined)?.outputs
  if (typeof outputs !== 'object') return `'${name}' expects no outputs`
  return undefined
}

function jsonFiles(path: string): readonly string[] {
  if (!existsSync(path) || statSync(path).isFile()) return [path]
  return readdirSync(path, { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.json'))
    .sort()
    .map((file) => join(path, file))
}

/** Names of cases, by the reason why nobody judges them. */
function readList(file: string): readonly string[] {
  const lists = JSON.parse(readFileSync(file, 'utf8')) as Readonly<Record<string, string[]>>
  return Object.values(lists).flat()
}
