import { Order, owner } from 'demo:orders/ledger@1.0.0';
import { priceOf } from 'demo:orders/prices@1.0.0';

export const checkout = {
  buy(customer, wants) {
    const order = new Order(customer);
    for (const [sku, quantity] of wants) {
      const price = priceOf(sku);
      if (price === undefined) throw `there is no price of ${sku}`;
      order.add({ sku, quantity, price });
    }
    return order;
  },

  close(orders) {
    const all = orders.reduce((one, other) => Order.merge(one, other));
    const lines = all.lines().toSorted((one, other) => (one.sku < other.sku ? -1 : 1));
    return { owner: owner(all), lines, total: all.total() };
  },
};
