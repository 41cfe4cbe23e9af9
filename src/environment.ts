/** Reads settings from environment variables, and gathers the faults instead of stopping at one. */
import { readFileSync } from 'node:fs'
import { type Duration, parseDuration } from './durations.ts'

export type Variables = Readonly<Record<string, string | undefined>>

export interface DurationBounds {
  readonly minMs?: number
  /** A further rule: what is wrong with this many milliseconds, if anything. */
  readonly fault?: (ms: number) => string | undefined
}

export class Environment {
  readonly #variables: Variables
  readonly #faults: string[] = []

  constructor(variables: Variables) {
    this.#variables = variables
  }

  /** One line each, in the order they were found. */
  get faults(): readonly string[] {
    return this.#faults
  }

  fault(name: string, sentence: string): void {
    this.#faults.push(`${name}: ${sentence}`)
  }

  /** The text without blanks around; an empty variable counts as absent. */
  optional(name: string): string | undefined {
    const text = this.#variables[name]?.trim()
    return text === '' ? undefined : text
  }

  text(name: string, fallback: string, rule?: (text: string) => string | undefined): string {
    const text = this.optional(name)
    const wrong = text === undefined ? undefined : rule?.(text)
    if (wrong !== undefined) this.fault(name, wrong)
    return wrong === undefined ? (text ?? fallback) : fallback
  }

  choice<const C extends string>(name: string, choices: readonly C[], fallback: C): C {
    const text = this.optional(name)
    if (text === undefined) return fallback
    const found = choices.find((choice) => choice === text.toLowerCase())
    if (found === undefined) this.fault(name, `expected ${oneOf(choices)}, got '${text}'`)
    return found ?? fallback
  }

  flag(name: string, fallback: boolean): boolean {
    const choices = ['on', 'off', 'true', 'false', '1', '0', 'yes', 'no'] as const
    const choice = this.choice(name, choices, fallback ? 'on' : 'off')
    return choice === 'on' || choice === 'true' || choice === '1' || choice === 'yes'
  }

  integer(name: string, fallback: number, min: number, max: number): number {
    const text = this.optional(name)
    if (text === undefined) return fallback
    const value = /^\d{1,15}$/.test(text) ? Number(text) : Number.NaN
    if (value >= min && value <= max) return value
    this.fault(name, `expected a whole number from ${min} to ${max}, got '${text}'`)
    return fallback
  }

  duration(name: string, fallback: Duration, bounds: DurationBounds = {}): Duration {
    const text = this.optional(name)
    if (text === undefined) return fallback
    const ms = parseDuration(text)
    const wrong = ms === undefined ? undefined : outside(ms, bounds)
    if (ms === undefined) this.fault(name, `expected a duration such as ${fallback}, got '${text}'`)
    if (wrong !== undefined) this.fault(name, `${wrong}, got '${text}'`)
    return ms === undefined || wrong !== undefined ? fallback : (text as Duration)
  }

  durationOrOff(name: string, fallback: Duration, bounds: DurationBounds = {}): Duration | 'off' {
    if (this.optional(name)?.toLowerCase() === 'off') return 'off'
    return this.duration(name, fallback, bounds)
  }

  list(name: string): readonly string[] {
    const items = this.optional(name)?.split(',') ?? []
    return items.map((item) => item.trim()).filter((item) => item !== '')
  }

  /** From `NAME`, or from the file that `NAME_FILE` names, without the line's end. */
  secret(name: string): string | undefined {
    const text = this.optional(name)
    const file = this.optional(`${name}_FILE`)
    if (text !== undefined && file !== undefined) {
      this.fault(name, `give it here or in ${name}_FILE, not both`)
    }
    if (text !== undefined || file === undefined) return text
    const secret = this.#read(`${name}_FILE`, file)?.replace(/\r?\n$/, '')
    if (secret?.trim() === '') this.fault(`${name}_FILE`, `the file is empty: ${file}`)
    return secret
  }

  /** The text of the file that `name` points to. */
  file(name: string): string | undefined {
    const path = this.optional(name)
    return path === undefined ? undefined : this.#read(name, path)
  }

  #read(name: string, path: string): string | undefined {
    try {
      return readFileSync(path, 'utf8')
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error)
      this.fault(name, `the file cannot be read: ${reason}`)
      return undefined
    }
  }
}

function outside(ms: number, { minMs = 0, fault }: DurationBounds): string | undefined {
  return ms < minMs ? `expected at least ${minMs}ms` : fault?.(ms)
}

function oneOf(choices: readonly string[]): string {
  if (choices.length < 2) return choices.join()
  return `${choices.slice(0, -1).join(', ')} or ${choices.at(-1)}`
}
