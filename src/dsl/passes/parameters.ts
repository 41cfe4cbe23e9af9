/**
 * Which of its parameters `(value, key)` a function of the user reads, as far as its text tells.
 * In doubt, both: a key that is decoded for nothing costs time, one that is missing costs truth.
 */
import { both, type Halves, neither } from '../../topology/blueprint.ts'
import type { UserFunction } from '../graph.ts'

const valueOnly: Halves = Object.freeze({ key: false, value: true })

export function parametersOf(fn: UserFunction): Halves {
  if (fn.length > 1) return both
  const text = Function.prototype.toString.call(fn)
  if (text.includes('[native code]') || /\barguments\b/.test(text)) return both
  const count = countParameters(text)
  if (count === 0) return neither
  return count === 1 ? valueOnly : both
}

/** Undefined where a list is more than a few plain names and patterns. */
function countParameters(text: string): number | undefined {
  if (/^(?:async\s+)?[\w$]+\s*=>/.test(text)) return 1
  const open = text.indexOf('(')
  const close = closing(text, open)
  // A comment before the list may hold parentheses of its own.
  if (open < 0 || close === undefined || /\/[*/]/.test(text.slice(0, open))) return undefined
  const list = text.slice(open + 1, close).trim()
  if (list === '') return 0
  // Defaults, rest parameters and comments may hide a second parameter.
  return /\.\.\.|\/[*/]|['"`]/.test(list) || hasTopLevel(list, /[,=]/) ? undefined : 1
}

function closing(text: string, open: number): number | undefined {
  let depth = 0
  for (let at = open; at >= 0 && at < text.length; at++) {
    const char = text[at] as string
    if ('([{'.includes(char)) depth++
    if (')]}'.includes(char) && --depth === 0) return at
  }
  return undefined
}

function hasTopLevel(list: string, wanted: RegExp): boolean {
  let depth = 0
  for (const char of list.replace(/,\s*$/, '')) {
    if ('([{'.includes(char)) depth++
    else if (')]}'.includes(char)) depth--
    else if (depth === 0 && wanted.test(char)) return true
  }
  return false
}
