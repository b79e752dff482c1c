-- Two more ends of a rebuild. A transaction of their own: a value that is new cannot be used in it.

ALTER TYPE "rebuild_state" ADD VALUE 'refused';
ALTER TYPE "rebuild_state" ADD VALUE 'withdrawn';
