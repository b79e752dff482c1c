import { describe, expect, it } from 'vitest';

import { custom, join, module, section, text, vector } from '../../assemble.fixture.js';
import { WasmError } from '../../errors.js';
import {
  aliases,
  canons,
  component,
  coreInstances,
  coreModule,
  coreTypes,
  exports,
  externName,
  funcType,
  imports,
  instances,
  labelled,
  nested,
  types,
} from '../assemble.fixture.js';
import { adder, bindings, world } from '../real.fixture.js';
import {
  exportDecl,
  FUNC,
  func,
  instanceType,
  own,
  record,
  RESOURCE,
  typeDecl,
  U8,
} from '../typing/types.fixture.js';
import { witOf } from './component-wit.js';

const WORLD = `package root:component;

// of demo:app/app@1.2.0

world root {
  import inline: interface {
    resource r {
      m: func();
    }

    ping: func() -> u8;
  }
  import demo:app/types@1.2.0;
  import other:dep/things@0.1.0;
  use demo:app/types@1.2.0.{point};

  record wrec {
    a: char,
  }
  import log: func(s: string, p: point, w: wrec);

  export go: func() -> tuple<point, bool>;
  export demo:app/api@1.2.0;
}

package other:dep@0.1.0 {
  interface things {
    record thing {
      a: u8,
    }

    enum %enum {
      x,
    }
  }
}

package demo:app@1.2.0 {
  interface types {
    resource blob {
      constructor(n: u32) -> result<blob, error-code>;
      read: async func(len: u64) -> result<list<u8>, error-code>;
      open: static func(p: string) -> option<blob>;
    }

    enum error-code {
      io,
      eof,
    }

    record point {
      x: s32,
      y: f64,
      %type: string,
    }

    variant shape {
      circle(f32),
      square,
      named(tuple<string, point>),
    }

    flags perms {
      r,
      w,
    }

    type points = list<point>;

    type same = point;
  }
  interface api {
    use types.{blob, point as pt, error-code};
    use other:dep/things@0.1.0.{thing};

    run: func(b: borrow<blob>, p: pt, t: thing) -> result<_, error-code>;

    take: async func(b: blob) -> result;

    flow: func(x: stream<u8>, y: future<string>, z: future) -> result<u8>;
  }
}
`;

/** Imports an interface that defines a resource or record `r`, under the name `a:b/c`. */
const defining = (...declarations: Uint8Array[]): Uint8Array[] => [
  types(instanceType(...declarations)),
  imports(join(externName('a:b/c'), [0x05, 0x00])),
];

describe('witOf', () => {
  it('writes a world with all that WIT has, from its binary form', () => {
    expect(witOf(world)).toBe(WORLD);
  });

  it('finds the world of a module in its section', () => {
    expect(witOf(module(custom('component-type:app', world)))).toBe(WORLD);
    expect(() => witOf(module())).toThrow(expect.objectContaining({ code: 'custom-missing' }));
  });

  it('says where in the file a broken section is wrong', () => {
    const bytes = module(custom('component-type', world.subarray(0, -1)));
    const offset = bytes.indexOf(0x61, 9) - 1;
    try {
      witOf(bytes);
      expect.unreachable();
    } catch (error) {
      if (!(error instanceof WasmError)) throw error;
      expect(error.code).toBe('section-overrun');
      expect(error.offset).toBeGreaterThan(offset);
    }
  });

  it('writes what a component imports and exports', () => {
    expect(witOf(adder)).toBe(
      'package root:component;\n\nworld root {\n  export add: func(a: u32, b: u32) -> u32;\n}\n',
    );
    expect(witOf(bindings)).toContain('    use demo:pkg/shapes@0.1.0.{v};\n\n    ping: func(');
  });

  it('takes over by name what is used without a name of its own', () => {
    const bytes = component(
      ...defining(exportDecl('r', ...RESOURCE)),
      aliases(join([0x03, 0x00, 0x00], text('r'))),
      types(own(1), func([['x', 2]])),
      imports(join(externName('f'), [0x01, 0x03])),
    );
    expect(witOf(bytes)).toContain('  import a:b/c;\n  use a:b/c.{r};\n  import f: func(x: r);\n');
  });

  it('declares a resource where the component that defines it exports it first', () => {
    // As tools do it: an interface is exported by a component within, which is given the resource.
    const shim = (func_: string): Uint8Array =>
      component(
        imports(join(externName('import-type-r'), [0x03, 0x01])),
        exports(join(externName('r'), [0x03, 0x00, 0x00])),
        types(own(1), func([['x', 2]])),
        types(own(0), func([['x', 4]])),
        imports(join(externName('import-func-f'), [0x01, 0x05])),
        exports(join(externName(func_), [0x01, 0x00, 0x01, 0x01, 0x03])),
      );
    const instantiated = (component_: number): Uint8Array[] => [
      instances(
        join(
          [0x00, component_],
          labelled(['import-type-r', 0x03, 0x00], ['import-func-f', 0x01, 0x00]),
        ),
      ),
    ];
    const core = module(
      section(1, vector([[0x60, 1, 0x7f, 0]])),
      section(3, vector([[0]])),
      section(7, vector([join(text('f'), [0, 0])])),
      section(10, vector([[2, 0, 0x0b]])),
    );
    const made = component(
      coreModule(core),
      coreInstances([0x00, 0x00, 0]),
      aliases(join([0x00, 0x00, 0x01, 0x00], text('f'))),
      types([0x3f, 0x7f, 0x00], own(0), func([['x', 1]])),
      canons([0x00, 0x00, 0x00, 0, 0x02]),
      nested(shim('f')),
      ...instantiated(0),
      exports(join(externName('a:b/c'), [0x05, 0x00, 0x00])),
      ...instantiated(0),
      exports(join(externName('a:b/d'), [0x05, 0x02, 0x00])),
      nested(shim('[static]r.f')),
      ...instantiated(1),
      exports(join(externName('a:b/e'), [0x05, 0x04, 0x00])),
    );
    expect(witOf(made)).toContain(`package a:b {
  interface c {
    resource r;

    f: func(x: r);
  }
  interface d {
    use c.{r};

    f: func(x: r);
  }
  interface e {
    resource r {
      f: static func(x: r);
    }
  }
}
`);
  });

  it('names what WIT has no words for', () => {
    const bytes = component(
      coreTypes([0x50, 0x00]),
      imports(join(externName('m'), [0x00, 0x11, 0x00])),
    );
    expect(witOf(bytes)).toContain('  // import m: a core module, which WIT cannot say\n');
  });

  it('refuses a record that has no name', () => {
    const bytes = component(
      types(record(['a', U8]), func([['x', 0]])),
      imports(join(externName('f'), [0x01, 0x01])),
    );
    expect(() => witOf(bytes)).toThrow(expect.objectContaining({ code: 'type-unnamed' }));
  });

  it('writes an instance by the interface that it implements', () => {
    const implementing = join([0x02], text('main'), [0x01, 0x00], text('a:b/c'));
    const bytes = component(
      types(instanceType(typeDecl(funcType), exportDecl('f', FUNC, 0))),
      imports(join(implementing, [0x05, 0x00])),
    );
    expect(witOf(bytes)).toContain('  import main: a:b/c;\n');
    expect(witOf(bytes)).toContain('package a:b {\n  interface c {\n    f: func();\n');
  });

  it('writes one interface of what is imported and exported of it', () => {
    const bytes = component(
      types(instanceType(typeDecl(funcType), exportDecl('f', FUNC, 0))),
      imports(join(externName('a:b/c'), [0x05, 0x00])),
      exports(join(externName('a:b/c'), [0x05, 0x00, 0x00])),
    );
    expect(witOf(bytes).match(/interface c/gu)).toHaveLength(1);
    expect(witOf(bytes)).toContain('  import a:b/c;\n\n  export a:b/c;\n');
  });
});
