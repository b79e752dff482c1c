//! `demo:orders/ledger`, written against the canonical ABI by hand: no crate is needed.

mod abi;

use abi::{freed, given, put32, put64, taken, Area};

#[derive(Clone, Copy, PartialEq)]
struct Money {
    cents: u64,
    currency: u8,
}

struct Line {
    sku: String,
    quantity: u32,
    price: Money,
}

struct Order {
    customer: String,
    lines: Vec<Line>,
}

impl Order {
    fn add(&mut self, line: Line) -> Result<(), String> {
        match self.lines.first() {
            Some(first) if first.price.currency != line.price.currency => {
                Err(format!("{} is not priced like {}", line.sku, first.sku))
            }
            _ => {
                self.lines.push(line);
                Ok(())
            }
        }
    }

    fn total(&self) -> Option<Money> {
        let first = self.lines.first()?;
        let cents = self.lines.iter().map(|line| u64::from(line.quantity) * line.price.cents).sum();
        Some(Money { cents, currency: first.price.currency })
    }
}

#[link(wasm_import_module = "[export]demo:orders/ledger@1.0.0")]
extern "C" {
    #[link_name = "[resource-new]order"]
    fn new_handle(order: usize) -> u32;
    #[link_name = "[resource-rep]order"]
    fn held_by(handle: u32) -> usize;
    #[link_name = "[resource-drop]order"]
    fn drop_handle(handle: u32);
}

/// How `line` lies in memory: sku, quantity, and the price at the next multiple of eight.
const LINE: usize = 32;

static mut OUT: Area<4> = Area([0; 4]);

#[allow(static_mut_refs)]
unsafe fn out() -> &'static mut [u8] {
    OUT.bytes()
}

unsafe fn held<'a>(handle: u32) -> &'a mut Order {
    &mut *(held_by(handle) as *mut Order)
}

fn handle(order: Order) -> u32 {
    unsafe { new_handle(Box::into_raw(Box::new(order)) as usize) }
}

#[export_name = "demo:orders/ledger@1.0.0#[constructor]order"]
unsafe extern "C" fn constructor(name: *mut u8, length: usize) -> u32 {
    handle(Order { customer: taken(name, length), lines: Vec::new() })
}

#[export_name = "demo:orders/ledger@1.0.0#[dtor]order"]
unsafe extern "C" fn destructor(order: *mut Order) {
    drop(Box::from_raw(order));
}

#[export_name = "demo:orders/ledger@1.0.0#[method]order.add"]
unsafe extern "C" fn add(
    order: *mut Order,
    sku: *mut u8,
    length: usize,
    quantity: u32,
    cents: u64,
    currency: u32,
) -> *const u8 {
    let price = Money { cents, currency: currency as u8 };
    let line = Line { sku: taken(sku, length), quantity, price };
    let bytes = out();
    match (*order).add(line) {
        Ok(()) => bytes[0] = 0,
        Err(reason) => {
            let (at, size) = given(reason.as_bytes());
            bytes[0] = 1;
            put32(bytes, 4, at as u32);
            put32(bytes, 8, size as u32);
        }
    }
    bytes.as_ptr()
}

#[export_name = "cabi_post_demo:orders/ledger@1.0.0#[method]order.add"]
unsafe extern "C" fn added(at: *const u8) {
    if *at == 1 {
        text_read(at.add(4));
    }
}

#[export_name = "demo:orders/ledger@1.0.0#[method]order.lines"]
unsafe extern "C" fn lines(order: *mut Order) -> *const u8 {
    let lines = &(*order).lines;
    let mut laid = vec![0u64; lines.len() * LINE / 8].into_boxed_slice();
    let bytes = std::slice::from_raw_parts_mut(laid.as_mut_ptr().cast::<u8>(), lines.len() * LINE);
    for (line, place) in lines.iter().zip(bytes.chunks_exact_mut(LINE)) {
        let (at, size) = given(line.sku.as_bytes());
        put32(place, 0, at as u32);
        put32(place, 4, size as u32);
        put32(place, 8, line.quantity);
        put64(place, 16, line.price.cents);
        place[24] = line.price.currency;
    }
    let result = out();
    put32(result, 0, Box::leak(laid).as_mut_ptr() as u32);
    put32(result, 4, lines.len() as u32);
    result.as_ptr()
}

#[export_name = "cabi_post_demo:orders/ledger@1.0.0#[method]order.lines"]
unsafe extern "C" fn lines_read(at: *const u8) {
    let (list, count) = pair(at);
    for index in 0..count {
        text_read(list.add(index * LINE));
    }
    freed(list, count * LINE, 8);
}

#[export_name = "demo:orders/ledger@1.0.0#[method]order.total"]
unsafe extern "C" fn total(order: *mut Order) -> *const u8 {
    let bytes = out();
    bytes[0] = 0;
    if let Some(Money { cents, currency }) = (*order).total() {
        bytes[0] = 1;
        put64(bytes, 8, cents);
        bytes[16] = currency;
    }
    bytes.as_ptr()
}

/// Both are owned, so their handles end here; their lines go on.
#[export_name = "demo:orders/ledger@1.0.0#[static]order.merge"]
unsafe extern "C" fn merge(one: u32, other: u32) -> u32 {
    let (first, second) = (held(one), held(other));
    let customer = std::mem::take(&mut first.customer);
    let mut lines = std::mem::take(&mut first.lines);
    lines.append(&mut second.lines);
    drop_handle(one);
    drop_handle(other);
    handle(Order { customer, lines })
}

#[export_name = "demo:orders/ledger@1.0.0#owner"]
unsafe extern "C" fn owner(order: *mut Order) -> *const u8 {
    let (at, size) = given((*order).customer.as_bytes());
    let bytes = out();
    put32(bytes, 0, at as u32);
    put32(bytes, 4, size as u32);
    bytes.as_ptr()
}

#[export_name = "cabi_post_demo:orders/ledger@1.0.0#owner"]
unsafe extern "C" fn owner_read(at: *const u8) {
    text_read(at);
}

unsafe fn pair(at: *const u8) -> (*mut u8, usize) {
    let words = at.cast::<u32>();
    (*words as *mut u8, *words.add(1) as usize)
}

unsafe fn text_read(at: *const u8) {
    let (text, size) = pair(at);
    freed(text, size, 1);
}
