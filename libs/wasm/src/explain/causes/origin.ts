/** Names that C libraries for WebAssembly define: wasi-libc (musl, dlmalloc) and Emscripten's. */
const LIBRARY_NAME = new RegExp(
  '^(?:' +
    [
      '__wasi_.*|__wasilibc_.*|__wasm_.*|__main_void|__original_main|__imported_wasi.*',
      '(?:dl|emmalloc_|__libc_|__)?(?:malloc|free|calloc|realloc|memalign|aligned_alloc)',
      'posix_memalign|sbrk|__sbrk|abort|exit|_Exit|__exit|__funcs_on_exit|atexit|__cxa_atexit',
      'dispose_chunk|prepend_alloc|try_init_allocator|internal_memalign|dlmalloc_.*|tmalloc_.*',
      'mem(?:cpy|move|set|cmp|chr|rchr|mem)|str[a-z]{2,9}|wcs[a-z]+|wmem[a-z]+|mbs?r?towcs?|mbrtowc|wcr?tombs?',
      '__?(?:std[a-z]+|towrite|toread|fwritex|fmodeflags|fseeko|ofl.*|lock.*|unlock.*|overflow|uflow|errno_location|strerror.*|lctrans.*|shlim|shgetc|intscan|floatscan|isatty|stdio.*|lseek|expand_heap)',
      '(?:v?[fs]?n?w?)(?:printf|scanf)(?:_core)?|v[a-z]*printf|printf_core|pop_arg.*|pad|fmt_[a-z]+|out|getint|iprintf|fiprintf|siprintf|small_printf|long_double_not_supported',
      'f?puts|f?putc|putchar|fwrite|fread|fflush|fopen|fclose|fseek|ftell|sn_write|write|writev|readv?|close|open|lseek|isatty',
      'frexpl?|scalbnl?|fmodl?|copysignl?|fabsl?|pow|expm?1?|log(?:10|2|1p)?|sin|cos|tan|floor|ceil',
      '__(?:add|sub|mul|div|extend|trunc|fix|float|eq|ne|lt|gt|le|ge|unord|cmp|ashl|lshr|ashr|udiv|umod|mult|div|mod)[a-z0-9]*(?:tf|ti|di|df|sf|si)[a-z0-9]*',
      'getenv|environ|__environ|initialize_environ.*|clock_.*|getopt.*|qsort|bsearch|ato[if]l?|strto[a-z]+',
    ].join('|') +
    ')(?:\\.\\d+|\\.llvm\\.\\d+)?$',
);

export function isLibraryFunction(name: string): boolean {
  return LIBRARY_NAME.test(name);
}

/** What AssemblyScript itself brings; everything else below `~lib/` is a package. */
const ASSEMBLYSCRIPT_OWN =
  /^~lib\/(?:rt|array|arraybuffer|atomics|bindings|builtins|compat|console|crypto|dataview|date|diagnostics|error|function|iterator|map|math|memory|number|object|performance|polyfills|process|reference|regexp|set|shared|staticarray|string|symbol|table|typedarray|uri|util|vector|wasi_[a-z]+)(?:[/#<:]|$)/;

/** A legacy-mangled Rust path; the first part is the crate. */
const RUST = /^_ZN(\d{1,3})/;
const RUST_STANDARD = /^(?:core|alloc|std|compiler_builtins|hashbrown|dlmalloc|rustc_demangle)$/;

/**
 * The package that a function comes from, by its name. The standard library is none: which part of
 * it a module holds follows from what uses it.
 */
export function originOf(name: string): { package: string } | 'standard' | 'own' {
  if (name.startsWith('~')) {
    if (!name.startsWith('~lib/') || ASSEMBLYSCRIPT_OWN.test(name)) return 'standard';
    return { package: name.slice('~lib/'.length).split('/')[0] ?? '' };
  }
  const length = RUST.exec(name)?.[1];
  if (length !== undefined) {
    const start = 3 + length.length;
    const crate = name.slice(start, start + Number(length));
    // `_$LT$T as …$GT$` begins an implementation whose crate does not come first.
    if (crate.startsWith('_$LT$') || RUST_STANDARD.test(crate)) return 'standard';
    return { package: crate };
  }
  return 'own';
}
