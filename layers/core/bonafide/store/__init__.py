"""The DynamoDB adapters: one table, one module an entity. Every partition key begins with the tenant."""
