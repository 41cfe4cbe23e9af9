/** What all commands share: how they are added to the program, and how their help reads. */
import type { Command } from 'commander'
import type { Terminal } from './terminal.ts'

/** What a command is made with. */
export interface Host {
  readonly program: Command
  readonly terminal: Terminal
  /** Takes the status that the program is to end with, if it is another than 0. */
  readonly end: (status: number) => void
}

export interface Example {
  readonly does: string
  readonly line: string
}

export interface Telling {
  /** A few words, for the list of commands. */
  readonly summary: string
  /** A sentence or two. */
  readonly description: string
  readonly examples: readonly Example[]
  /** Statuses beside those that every command may end with. */
  readonly statuses?: string
}

/** @param usage the name, and arguments as `<needed>` or `[optional]` */
export function addCommand({ program }: Host, usage: string, telling: Telling): Command {
  const { summary, description, examples, statuses } = telling
  const shown = examples.map(({ does, line }) => `  ${line}\n      ${does}`).join('\n')
  const ends = statuses === undefined ? '' : `\n\nStatus: ${statuses}`
  return program
    .command(usage)
    .summary(summary)
    .description(description)
    .addHelpText('after', `\nExamples:\n${shown}${ends}`)
}

export function printJson({ out }: Terminal, value: unknown): void {
  out(`${JSON.stringify(value, null, 2)}\n`)
}
