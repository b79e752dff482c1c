;; `demo:orders/prices`: a sku of one letter costs its place in the alphabet in cents of euro, one
;; of two letters as much in cents of dollar; there is no price of anything else.
(module
  (memory (export "memory") 1)
  (global $free (mut i32) (i32.const 1024))
  ;; What is asked for lies one behind the other, and all of it is free again after each call.
  (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32)
    (local $at i32)
    (local.set $at (i32.and
      (i32.add (global.get $free) (i32.sub (local.get 2) (i32.const 1)))
      (i32.sub (i32.const 0) (local.get 2))))
    (global.set $free (i32.add (local.get $at) (local.get 3)))
    (local.get $at))
  (func (export "demo:orders/prices@1.0.0#price-of") (param $sku i32) (param $size i32) (result i32)
    (global.set $free (i32.const 1024))
    (i64.store (i32.const 16) (i64.const 0))
    (if (i32.or (i32.eq (local.get $size) (i32.const 1)) (i32.eq (local.get $size) (i32.const 2)))
      (then
        (i32.store8 (i32.const 16) (i32.const 1))
        (i64.store (i32.const 24)
          (i64.extend_i32_u (i32.sub (i32.load8_u (local.get $sku)) (i32.const 96))))
        (i32.store8 (i32.const 32) (i32.eq (local.get $size) (i32.const 2)))))
    (i32.const 16)))
