/** A Dockerfile as instructions: enough of its language for checks of ours, no more. */

export interface Instruction {
  readonly name: string
  /** Its text, continued lines joined. */
  readonly text: string
}

export interface Stage {
  readonly image: string
  readonly name: string | undefined
  readonly instructions: readonly Instruction[]
}

/** The stages, in order; `ARG`s before the first are put into the images. */
export function readStages(text: string): readonly Stage[] {
  const lines = text
    .replaceAll(/^\s*#.*\n/gm, '')
    .replaceAll(/\\\n\s*/g, ' ')
    .split('\n')
    .filter((line) => line.trim() !== '')
  const args = new Map<string, string>()
  const stages: { image: string; name: string | undefined; instructions: Instruction[] }[] = []
  for (const line of lines) {
    const [name = '', ...rest] = line.trim().split(/\s+/)
    const instruction = { name, text: rest.join(' ') }
    const current = stages.at(-1)
    if (name === 'FROM') {
      const [image = '', , as] = rest
      const filled = image.replaceAll(/\$\{(\w+)\}/g, (_all, arg: string) => args.get(arg) ?? '')
      stages.push({ image: filled, name: as, instructions: [] })
    } else if (current === undefined) {
      const [arg = '', value = ''] = instruction.text.split('=')
      args.set(arg, value)
    } else {
      current.instructions.push(instruction)
    }
  }
  return stages
}

/** The text of the last instruction of this name. */
export function lastOf({ instructions }: Stage, name: string): string {
  return instructions.findLast((one) => one.name === name)?.text ?? ''
}

/** All that `ENV` sets, quotes taken away. */
export function environmentOf({ instructions }: Stage): Readonly<Record<string, string>> {
  const texts = instructions.filter(({ name }) => name === 'ENV').map(({ text }) => text)
  const pairs = texts.flatMap((text) => text.match(/\w+=\S+/g) ?? [])
  return Object.fromEntries(pairs.map((pair) => pair.split('=') as [string, string]))
}
