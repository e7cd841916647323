-- Where every test clock stood when a version was published: it is in force there from that instant on.
ALTER TABLE catalogs ADD COLUMN clocks TEXT NOT NULL DEFAULT '{}';
