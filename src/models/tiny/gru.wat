;; A gated recurrent unit over 96 units, in 32-bit floats: what PyTorch's GRU computes for one character. Four numbers are worked on at
;; once. There is no fused or relaxed operation, so that the result is the same to the last bit on each machine; exp is a polynomial
;; for the same reason.
(module
  (memory (export "memory") 1)

  ;; out = bias + weights * state, for 32 rows a block. The weights of a block lie column by column: 32 rows of column 0, of column 1 ...
  (func (export "affine") (param $state i32) (param $weights i32) (param $bias i32) (param $out i32) (param $blocks i32)
    (local $at i32) (local $end i32) (local $x v128)
    (local $a v128) (local $b v128) (local $c v128) (local $d v128)
    (local $e v128) (local $f v128) (local $g v128) (local $h v128)
    (local.set $end (i32.add (local.get $state) (i32.const 384)))
    (loop $block
      (local.set $a (v128.load offset=0 (local.get $bias)))
      (local.set $b (v128.load offset=16 (local.get $bias)))
      (local.set $c (v128.load offset=32 (local.get $bias)))
      (local.set $d (v128.load offset=48 (local.get $bias)))
      (local.set $e (v128.load offset=64 (local.get $bias)))
      (local.set $f (v128.load offset=80 (local.get $bias)))
      (local.set $g (v128.load offset=96 (local.get $bias)))
      (local.set $h (v128.load offset=112 (local.get $bias)))
      (local.set $at (local.get $state))
      (loop $column
        (local.set $x (v128.load32_splat (local.get $at)))
        (local.set $a (f32x4.add (local.get $a) (f32x4.mul (local.get $x) (v128.load offset=0 (local.get $weights)))))
        (local.set $b (f32x4.add (local.get $b) (f32x4.mul (local.get $x) (v128.load offset=16 (local.get $weights)))))
        (local.set $c (f32x4.add (local.get $c) (f32x4.mul (local.get $x) (v128.load offset=32 (local.get $weights)))))
        (local.set $d (f32x4.add (local.get $d) (f32x4.mul (local.get $x) (v128.load offset=48 (local.get $weights)))))
        (local.set $e (f32x4.add (local.get $e) (f32x4.mul (local.get $x) (v128.load offset=64 (local.get $weights)))))
        (local.set $f (f32x4.add (local.get $f) (f32x4.mul (local.get $x) (v128.load offset=80 (local.get $weights)))))
        (local.set $g (f32x4.add (local.get $g) (f32x4.mul (local.get $x) (v128.load offset=96 (local.get $weights)))))
        (local.set $h (f32x4.add (local.get $h) (f32x4.mul (local.get $x) (v128.load offset=112 (local.get $weights)))))
        (local.set $weights (i32.add (local.get $weights) (i32.const 128)))
        (local.set $at (i32.add (local.get $at) (i32.const 4)))
        (br_if $column (i32.lt_u (local.get $at) (local.get $end))))
      (v128.store offset=0 (local.get $out) (local.get $a))
      (v128.store offset=16 (local.get $out) (local.get $b))
      (v128.store offset=32 (local.get $out) (local.get $c))
      (v128.store offset=48 (local.get $out) (local.get $d))
      (v128.store offset=64 (local.get $out) (local.get $e))
      (v128.store offset=80 (local.get $out) (local.get $f))
      (v128.store offset=96 (local.get $out) (local.get $g))
      (v128.store offset=112 (local.get $out) (local.get $h))
      (local.set $bias (i32.add (local.get $bias) (i32.const 128)))
      (local.set $out (i32.add (local.get $out) (i32.const 128)))
      (local.set $blocks (i32.sub (local.get $blocks) (i32.const 1)))
      (br_if $block (local.get $blocks))))

  ;; The state after a character: $input are the 288 sums of its embedding, $gates those of the state before (reset, update, new).
  (func (export "advance") (param $input i32) (param $gates i32) (param $state i32) (param $out i32)
    (local $left i32) (local $reset v128) (local $update v128) (local $new v128)
    (local.set $left (i32.const 24))
    (loop $four
      (local.set $reset (call $sigmoid (f32x4.add (v128.load (local.get $input)) (v128.load (local.get $gates)))))
      (local.set $update
        (call $sigmoid (f32x4.add (v128.load offset=384 (local.get $input)) (v128.load offset=384 (local.get $gates)))))
      (local.set $new
        (call $tanh
          (f32x4.add
            (v128.load offset=768 (local.get $input))
            (f32x4.mul (local.get $reset) (v128.load offset=768 (local.get $gates))))))
      (v128.store (local.get $out)
        (f32x4.add (local.get $new)
          (f32x4.mul (local.get $update) (f32x4.sub (v128.load (local.get $state)) (local.get $new)))))
      (local.set $input (i32.add (local.get $input) (i32.const 16)))
      (local.set $gates (i32.add (local.get $gates) (i32.const 16)))
      (local.set $state (i32.add (local.get $state) (i32.const 16)))
      (local.set $out (i32.add (local.get $out) (i32.const 16)))
      (local.set $left (i32.sub (local.get $left) (i32.const 1)))
      (br_if $four (local.get $left))))

  (func $sigmoid (param $x v128) (result v128)
    (f32x4.div
      (v128.const f32x4 1 1 1 1)
      (f32x4.add (v128.const f32x4 1 1 1 1) (call $exp (f32x4.neg (local.get $x))))))

  (func $tanh (param $x v128) (result v128)
    (f32x4.sub
      (f32x4.mul (v128.const f32x4 2 2 2 2) (call $sigmoid (f32x4.add (local.get $x) (local.get $x))))
      (v128.const f32x4 1 1 1 1)))

  ;; e^x = 2^n e^f with f in [-ln 2 / 2, ln 2 / 2]; e^f by its Taylor series to the seventh power: the error is below 1e-7.
  (func $exp (param $x v128) (result v128)
    (local $n v128) (local $f v128) (local $sum v128)
    (local.set $x
      (f32x4.max (v128.const f32x4 -87 -87 -87 -87) (f32x4.min (v128.const f32x4 87 87 87 87) (local.get $x))))
    (local.set $n
      (f32x4.nearest (f32x4.mul (local.get $x) (v128.const f32x4 1.44269504 1.44269504 1.44269504 1.44269504))))
    ;; ln 2 in two parts, the first of which has few digits, so that its product with n is exact.
    (local.set $f
      (f32x4.sub (local.get $x)
        (f32x4.mul (local.get $n) (v128.const f32x4 0.693359375 0.693359375 0.693359375 0.693359375))))
    (local.set $f
      (f32x4.add (local.get $f)
        (f32x4.mul (local.get $n) (v128.const f32x4 2.12194440e-4 2.12194440e-4 2.12194440e-4 2.12194440e-4))))
    (local.set $sum (v128.const f32x4 1.98412698e-4 1.98412698e-4 1.98412698e-4 1.98412698e-4))
    (local.set $sum (call $next (local.get $sum) (local.get $f) (v128.const f32x4 1.38888889e-3 1.38888889e-3 1.38888889e-3 1.38888889e-3)))
    (local.set $sum (call $next (local.get $sum) (local.get $f) (v128.const f32x4 8.33333333e-3 8.33333333e-3 8.33333333e-3 8.33333333e-3)))
    (local.set $sum (call $next (local.get $sum) (local.get $f) (v128.const f32x4 4.16666667e-2 4.16666667e-2 4.16666667e-2 4.16666667e-2)))
    (local.set $sum (call $next (local.get $sum) (local.get $f) (v128.const f32x4 1.66666667e-1 1.66666667e-1 1.66666667e-1 1.66666667e-1)))
    (local.set $sum (call $next (local.get $sum) (local.get $f) (v128.const f32x4 0.5 0.5 0.5 0.5)))
    (local.set $sum (call $next (local.get $sum) (local.get $f) (v128.const f32x4 1 1 1 1)))
    (local.set $sum (call $next (local.get $sum) (local.get $f) (v128.const f32x4 1 1 1 1)))
    (f32x4.mul
      (local.get $sum)
      (i32x4.shl
        (i32x4.add (i32x4.trunc_sat_f32x4_s (local.get $n)) (v128.const i32x4 127 127 127 127))
        (i32.const 23))))

  (func $next (param $sum v128) (param $f v128) (param $coefficient v128) (result v128)
    (f32x4.add (f32x4.mul (local.get $sum) (local.get $f)) (local.get $coefficient))))
