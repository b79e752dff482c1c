/** Markup that is known to be safe: made by `html`, never by a plain string. */
export class Markup {
  constructor(readonly text: string) {}
}

type Value = string | number | Markup | readonly Markup[];

/** What is put in is escaped, except for markup that was made the same way. */
export function html(strings: TemplateStringsArray, ...values: readonly Value[]): Markup {
  const parts = strings.map((text, index) => {
    const value = values[index];
    return value === undefined ? text : text + render(value);
  });
  return new Markup(parts.join(''));
}

function render(value: Value): string {
  if (value instanceof Markup) return value.text;
  if (typeof value === 'string') return escape(value);
  return typeof value === 'number' ? String(value) : value.map(({ text }) => text).join('');
}

const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

/** Also makes visible what would turn the direction of text around, or show nothing at all. */
function escape(text: string): string {
  return text
    .replace(
      /[\p{Cc}\p{Cf}\p{Co}\p{Cs}\u2028\u2029]/gu,
      (character) => `\\u{${(character.codePointAt(0) ?? 0).toString(16)}}`,
    )
    .replace(/[&<>"']/g, (character) => ENTITIES[character] ?? '');
}
