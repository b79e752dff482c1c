fn main() {
    let count = std::env::args().nth(1).and_then(|text| text.parse().ok()).unwrap_or(3);
    println!("{} in {}", ledger::sum(count), mark::of(file!().as_bytes()));
}
