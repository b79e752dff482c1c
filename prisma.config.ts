import { defineConfig } from 'prisma/config';

// `prisma generate` needs the schema alone. Migrations are applied by libs/store (migrate.ts),
// never by the Prisma CLI, so no datasource URL is given here.
export default defineConfig({
  schema: 'prisma/schema.prisma',
  migrations: { path: 'prisma/migrations' },
});
