-- A file of greenload's in the form of version 3, as the code of that version wrote it.
PRAGMA user_version = 3;
BEGIN TRANSACTION;
CREATE TABLE change (run_id TEXT, at_s REAL, kind TEXT, worker TEXT, users INTEGER, spawn_rate REAL);
INSERT INTO "change" VALUES('20300101-000001-beef',0.0,'join','one',NULL,NULL);
INSERT INTO "change" VALUES('20300101-000001-beef',0.0,'join','two',NULL,NULL);
INSERT INTO "change" VALUES('20300101-000001-beef',3.5,'edit',NULL,9,2.5);
INSERT INTO "change" VALUES('20300101-000001-beef',8.0,'lose','two',NULL,NULL);
INSERT INTO "change" VALUES('20300101-000002-beef',0.0,'join','one',NULL,NULL);
INSERT INTO "change" VALUES('20300101-000002-beef',0.0,'join','two',NULL,NULL);
INSERT INTO "change" VALUES('20300101-000002-beef',3.5,'edit',NULL,9,2.5);
INSERT INTO "change" VALUES('20300101-000002-beef',8.0,'lose','two',NULL,NULL);
CREATE TABLE granted (
    run_id TEXT, rows TEXT, worker TEXT, epoch INTEGER, number INTEGER, first INTEGER, size INTEGER,
    PRIMARY KEY (run_id, rows, first)
) WITHOUT ROWID;
INSERT INTO "granted" VALUES('20300101-000001-beef','accounts','one',1,1,0,3);
INSERT INTO "granted" VALUES('20300101-000002-beef','accounts','one',1,1,0,3);
CREATE TABLE report (
    run_id TEXT, worker TEXT, epoch INTEGER, seq INTEGER, from_s REAL, until_s REAL, users INTEGER, cpu_percent REAL,
    counted INTEGER, sent INTEGER, ended INTEGER, unfinished INTEGER, clock_step_s REAL,
    PRIMARY KEY (run_id, worker, epoch, seq)
) WITHOUT ROWID;
INSERT INTO "report" VALUES('20300101-000001-beef','one',1,1,0.0,1.0,2,50.0,10,2,2,0,0.0);
INSERT INTO "report" VALUES('20300101-000001-beef','one',1,2,1.0,2.0,2,50.0,20,4,4,0,0.0);
INSERT INTO "report" VALUES('20300101-000001-beef','one',1,3,2.0,3.0,2,50.0,30,2,1,1,0.0);
INSERT INTO "report" VALUES('20300101-000001-beef','one',1,4,3.0,4.0,2,50.0,40,3,3,0,0.0);
INSERT INTO "report" VALUES('20300101-000001-beef','one',1,5,4.0,5.0,2,50.0,50,5,5,0,0.0);
INSERT INTO "report" VALUES('20300101-000001-beef','one',1,6,5.0,6.0,2,50.0,60,2,2,0,0.0);
INSERT INTO "report" VALUES('20300101-000001-beef','two',2,1,0.0,1.0,2,50.0,10,3,3,0,0.0);
INSERT INTO "report" VALUES('20300101-000001-beef','two',2,2,1.0,2.0,2,50.0,20,5,5,0,0.0);
INSERT INTO "report" VALUES('20300101-000001-beef','two',2,3,2.0,3.0,2,50.0,30,3,2,1,0.0);
INSERT INTO "report" VALUES('20300101-000001-beef','two',2,4,3.0,4.0,2,50.0,40,4,4,0,0.0);
INSERT INTO "report" VALUES('20300101-000001-beef','two',2,5,4.0,5.0,2,50.0,50,1,1,0,0.0);
INSERT INTO "report" VALUES('20300101-000001-beef','two',2,6,5.0,6.0,2,50.0,60,3,3,0,0.0);
INSERT INTO "report" VALUES('20300101-000002-beef','one',1,1,0.0,1.0,2,50.0,10,2,2,0,0.0);
INSERT INTO "report" VALUES('20300101-000002-beef','one',1,2,1.0,2.0,2,50.0,20,4,4,0,0.0);
INSERT INTO "report" VALUES('20300101-000002-beef','one',1,3,2.0,3.0,2,50.0,30,2,1,1,0.0);
INSERT INTO "report" VALUES('20300101-000002-beef','one',1,4,3.0,4.0,2,50.0,40,3,3,0,0.0);
INSERT INTO "report" VALUES('20300101-000002-beef','one',1,5,4.0,5.0,2,50.0,50,5,5,0,0.0);
INSERT INTO "report" VALUES('20300101-000002-beef','one',1,6,5.0,6.0,2,50.0,60,2,2,0,0.0);
INSERT INTO "report" VALUES('20300101-000002-beef','two',2,1,0.0,1.0,2,50.0,10,3,3,0,0.0);
INSERT INTO "report" VALUES('20300101-000002-beef','two',2,2,1.0,2.0,2,50.0,20,5,5,0,0.0);
INSERT INTO "report" VALUES('20300101-000002-beef','two',2,3,2.0,3.0,2,50.0,30,3,2,1,0.0);
INSERT INTO "report" VALUES('20300101-000002-beef','two',2,4,3.0,4.0,2,50.0,40,4,4,0,0.0);
INSERT INTO "report" VALUES('20300101-000002-beef','two',2,5,4.0,5.0,2,50.0,50,1,1,0,0.0);
INSERT INTO "report" VALUES('20300101-000002-beef','two',2,6,5.0,6.0,2,50.0,60,3,3,0,0.0);
CREATE TABLE run (
    id TEXT PRIMARY KEY, started TEXT, model TEXT, scenario TEXT, scenario_sha256 TEXT, host TEXT, seed INTEGER,
    version TEXT, plan TEXT, gate TEXT, bundle BLOB, began_at REAL, stop TEXT, breach TEXT, ended_at REAL
);
INSERT INTO "run" VALUES('20300101-000001-beef','2030-01-01T00:00:01+00:00','users','s.py','abababababababababababababababababababababababababababababababab',NULL,7,'0.1.0','[[[[5,10.0],[0,5.0]]],null,[["Reader",0.5,0],["Admin",1,2]],"http://h",10.0,3,[],null,false]','[["GET /: p99 > 300ms"],["failures > 2.5%"],4.5,2]',X'504B03041400000000000000210024D470CE040000000400000004000000732E707970617373504B010214031400000000000000210024D470CE0400000004000000040000000000000000000000800100000000732E7079504B0506000000000100010032000000260000000000',1.7954081054057977199e+09,'at once','[0,7.0,3.5]',1.79540810540845036501e+09);
INSERT INTO "run" VALUES('20300101-000002-beef','2030-01-01T00:00:02+00:00','users','s.py','abababababababababababababababababababababababababababababababab',NULL,7,'0.1.0','[[[[5,10.0],[0,5.0]]],null,[["Reader",0.5,0],["Admin",1,2]],"http://h",10.0,3,[],null,false]','[["GET /: p99 > 300ms"],["failures > 2.5%"],4.5,2]',X'504B03041400000000000000210024D470CE040000000400000004000000732E707970617373504B010214031400000000000000210024D470CE0400000004000000040000000000000000000000800100000000732E7079504B0506000000000100010032000000260000000000',1.7954081054089503288e+09,'at once','[0,7.0,3.5]',NULL);
CREATE TABLE second (
    run_id TEXT, second INTEGER, sent INTEGER, iterations INTEGER, queued INTEGER, dropped INTEGER,
    missed_slots INTEGER, users_died INTEGER, exceptions TEXT, lag TEXT, longest_stall TEXT
);
INSERT INTO "second" VALUES('20300101-000001-beef',0,2,0,0,0,0,0,'null','[0,15,15,15,[15],[1]]','null');
INSERT INTO "second" VALUES('20300101-000001-beef',0,3,0,0,0,0,0,'null','[0,15,15,15,[15],[1]]','null');
INSERT INTO "second" VALUES('20300101-000001-beef',1,4,0,0,0,0,0,'null','[0,30,30,30,[30],[1]]','null');
INSERT INTO "second" VALUES('20300101-000001-beef',1,5,0,0,0,0,0,'null','[0,30,30,30,[30],[1]]','null');
INSERT INTO "second" VALUES('20300101-000001-beef',2,2,3,2,1,4,1,'[[["in f\nTraceback\nKeyError: ''x''",[1,2,2]]],null]','[0,45,45,45,[45],[1]]','[1.25,2.0]');
INSERT INTO "second" VALUES('20300101-000001-beef',2,3,3,2,1,4,1,'[[["in f\nTraceback\nKeyError: ''x''",[1,2,2]]],null]','[0,45,45,45,[45],[1]]','[1.25,2.0]');
INSERT INTO "second" VALUES('20300101-000001-beef',3,3,0,0,0,0,0,'null','[0,60,60,60,[60],[1]]','null');
INSERT INTO "second" VALUES('20300101-000001-beef',3,4,0,0,0,0,0,'null','[0,60,60,60,[60],[1]]','null');
INSERT INTO "second" VALUES('20300101-000001-beef',4,5,0,0,0,0,0,'null','[0,75,75,75,[75],[1]]','null');
INSERT INTO "second" VALUES('20300101-000001-beef',4,1,0,0,0,0,0,'null','[0,75,75,75,[75],[1]]','null');
INSERT INTO "second" VALUES('20300101-000001-beef',5,2,0,0,0,0,0,'null','[0,90,90,90,[90],[1]]','null');
INSERT INTO "second" VALUES('20300101-000001-beef',5,3,0,0,0,0,0,'null','[0,90,90,90,[90],[1]]','null');
INSERT INTO "second" VALUES('20300101-000002-beef',0,2,0,0,0,0,0,'null','[0,15,15,15,[15],[1]]','null');
INSERT INTO "second" VALUES('20300101-000002-beef',0,3,0,0,0,0,0,'null','[0,15,15,15,[15],[1]]','null');
INSERT INTO "second" VALUES('20300101-000002-beef',1,4,0,0,0,0,0,'null','[0,30,30,30,[30],[1]]','null');
INSERT INTO "second" VALUES('20300101-000002-beef',1,5,0,0,0,0,0,'null','[0,30,30,30,[30],[1]]','null');
INSERT INTO "second" VALUES('20300101-000002-beef',2,2,3,2,1,4,1,'[[["in f\nTraceback\nKeyError: ''x''",[1,2,2]]],null]','[0,45,45,45,[45],[1]]','[1.25,2.0]');
INSERT INTO "second" VALUES('20300101-000002-beef',2,3,3,2,1,4,1,'[[["in f\nTraceback\nKeyError: ''x''",[1,2,2]]],null]','[0,45,45,45,[45],[1]]','[1.25,2.0]');
INSERT INTO "second" VALUES('20300101-000002-beef',3,3,0,0,0,0,0,'null','[0,60,60,60,[60],[1]]','null');
INSERT INTO "second" VALUES('20300101-000002-beef',3,4,0,0,0,0,0,'null','[0,60,60,60,[60],[1]]','null');
INSERT INTO "second" VALUES('20300101-000002-beef',4,5,0,0,0,0,0,'null','[0,75,75,75,[75],[1]]','null');
INSERT INTO "second" VALUES('20300101-000002-beef',4,1,0,0,0,0,0,'null','[0,75,75,75,[75],[1]]','null');
INSERT INTO "second" VALUES('20300101-000002-beef',5,2,0,0,0,0,0,'null','[0,90,90,90,[90],[1]]','null');
INSERT INTO "second" VALUES('20300101-000002-beef',5,3,0,0,0,0,0,'null','[0,90,90,90,[90],[1]]','null');
CREATE TABLE tally (
    run_id TEXT, second INTEGER, method TEXT, name TEXT, requests INTEGER, failures INTEGER, received_bytes INTEGER,
    counts TEXT
);
INSERT INTO "tally" VALUES('20300101-000001-beef',0,'GET','/a',2,1,200,'[[[0,10000,10000,10000,[4322],[1]],null],[[0,20000,20000,20000,[5346],[1]],[0,270000,270000,270000,[9246],[1]]],[[["HTTP 503",[1,0,0]]],null],200,null,null]');
INSERT INTO "tally" VALUES('20300101-000001-beef',0,'GET','/a',3,1,300,'[[[0,40000,10000,30000,[4322,5971],[1,1]],null],[[0,20000,20000,20000,[5346],[1]],[0,270000,270000,270000,[9246],[1]]],[[["HTTP 503",[1,0,0]]],null],300,null,null]');
INSERT INTO "tally" VALUES('20300101-000001-beef',1,'GET','/a',3,1,300,'[[[0,40000,10000,30000,[4322,5971],[1,1]],null],[[0,20000,20000,20000,[5346],[1]],[0,270000,270000,270000,[9246],[1]]],[[["HTTP 503",[1,1,1]]],null],300,null,null]');
INSERT INTO "tally" VALUES('20300101-000001-beef',1,'POST','/ü''',1,0,100,'[[[0,40000,40000,40000,[6370],[1]],[0,290000,290000,290000,[9324],[1]]],null,null,100,null,null]');
INSERT INTO "tally" VALUES('20300101-000001-beef',1,'GET','/a',3,1,300,'[[[0,40000,10000,30000,[4322,5971],[1,1]],null],[[0,20000,20000,20000,[5346],[1]],[0,270000,270000,270000,[9246],[1]]],[[["HTTP 503",[1,1,1]]],null],300,null,null]');
INSERT INTO "tally" VALUES('20300101-000001-beef',1,'POST','/ü''',2,0,200,'[[[0,90000,40000,50000,[6370,6682],[1,1]],[0,340000,50000,290000,[9324,6682],[1,1]]],null,null,200,null,null]');
INSERT INTO "tally" VALUES('20300101-000001-beef',2,'GET','/a',1,0,100,'[[[0,10000,10000,10000,[4322],[1]],null],null,null,100,[0,3500000,3500000,3500000,[12972],[1]],[[0,2000,2000,2000,[2000],[1]],null,null,null,null,[0,400,400,400,[400],[1]]]]');
INSERT INTO "tally" VALUES('20300101-000001-beef',2,'GET','/a',2,1,200,'[[[0,10000,10000,10000,[4322],[1]],null],[[0,20000,20000,20000,[5346],[1]],[0,270000,270000,270000,[9246],[1]]],[[["HTTP 503",[1,2,2]]],null],200,[0,3500000,3500000,3500000,[12972],[1]],[[0,2000,2000,2000,[2000],[1]],null,null,null,null,[0,400,400,400,[400],[1]]]]');
INSERT INTO "tally" VALUES('20300101-000001-beef',3,'GET','/a',3,1,300,'[[[0,40000,10000,30000,[4322,5971],[1,1]],null],[[0,20000,20000,20000,[5346],[1]],[0,270000,270000,270000,[9246],[1]]],[[["HTTP 503",[1,3,3]]],null],300,null,null]');
INSERT INTO "tally" VALUES('20300101-000001-beef',3,'GET','/a',3,1,300,'[[[0,40000,10000,30000,[4322,5971],[1,1]],null],[[0,20000,20000,20000,[5346],[1]],[0,270000,270000,270000,[9246],[1]]],[[["HTTP 503",[1,3,3]]],null],300,null,null]');
INSERT INTO "tally" VALUES('20300101-000001-beef',3,'POST','/ü''',1,0,100,'[[[0,40000,40000,40000,[6370],[1]],[0,290000,290000,290000,[9324],[1]]],null,null,100,null,null]');
INSERT INTO "tally" VALUES('20300101-000001-beef',4,'GET','/a',3,1,300,'[[[0,40000,10000,30000,[4322,5971],[1,1]],null],[[0,20000,20000,20000,[5346],[1]],[0,270000,270000,270000,[9246],[1]]],[[["HTTP 503",[1,4,4]]],null],300,null,null]');
INSERT INTO "tally" VALUES('20300101-000001-beef',4,'POST','/ü''',2,0,200,'[[[0,90000,40000,50000,[6370,6682],[1,1]],[0,340000,50000,290000,[9324,6682],[1,1]]],null,null,200,null,null]');
INSERT INTO "tally" VALUES('20300101-000001-beef',4,'GET','/a',1,0,100,'[[[0,10000,10000,10000,[4322],[1]],null],null,null,100,null,null]');
INSERT INTO "tally" VALUES('20300101-000001-beef',5,'GET','/a',2,1,200,'[[[0,10000,10000,10000,[4322],[1]],null],[[0,20000,20000,20000,[5346],[1]],[0,270000,270000,270000,[9246],[1]]],[[["HTTP 503",[1,5,5]]],null],200,null,null]');
INSERT INTO "tally" VALUES('20300101-000001-beef',5,'GET','/a',3,1,300,'[[[0,40000,10000,30000,[4322,5971],[1,1]],null],[[0,20000,20000,20000,[5346],[1]],[0,270000,270000,270000,[9246],[1]]],[[["HTTP 503",[1,5,5]]],null],300,null,null]');
INSERT INTO "tally" VALUES('20300101-000002-beef',0,'GET','/a',2,1,200,'[[[0,20000,20000,20000,[5346],[1]],null],[[0,40000,40000,40000,[6370],[1]],[0,290000,290000,290000,[9324],[1]]],[[["HTTP 503",[1,0,0]]],null],200,null,null]');
INSERT INTO "tally" VALUES('20300101-000002-beef',0,'GET','/a',3,1,300,'[[[0,80000,20000,60000,[5346,6995],[1,1]],null],[[0,40000,40000,40000,[6370],[1]],[0,290000,290000,290000,[9324],[1]]],[[["HTTP 503",[1,0,0]]],null],300,null,null]');
INSERT INTO "tally" VALUES('20300101-000002-beef',1,'GET','/a',3,1,300,'[[[0,80000,20000,60000,[5346,6995],[1,1]],null],[[0,40000,40000,40000,[6370],[1]],[0,290000,290000,290000,[9324],[1]]],[[["HTTP 503",[1,1,1]]],null],300,null,null]');
INSERT INTO "tally" VALUES('20300101-000002-beef',1,'POST','/ü''',1,0,100,'[[[0,80000,80000,80000,[7394],[1]],[0,330000,330000,330000,[9481],[1]]],null,null,100,null,null]');
INSERT INTO "tally" VALUES('20300101-000002-beef',1,'GET','/a',3,1,300,'[[[0,80000,20000,60000,[5346,6995],[1,1]],null],[[0,40000,40000,40000,[6370],[1]],[0,290000,290000,290000,[9324],[1]]],[[["HTTP 503",[1,1,1]]],null],300,null,null]');
INSERT INTO "tally" VALUES('20300101-000002-beef',1,'POST','/ü''',2,0,200,'[[[0,180000,80000,100000,[7394,7706],[1,1]],[0,430000,100000,330000,[9481,7706],[1,1]]],null,null,200,null,null]');
INSERT INTO "tally" VALUES('20300101-000002-beef',2,'GET','/a',1,0,100,'[[[0,20000,20000,20000,[5346],[1]],null],null,null,100,[0,3500000,3500000,3500000,[12972],[1]],[[0,2000,2000,2000,[2000],[1]],null,null,null,null,[0,400,400,400,[400],[1]]]]');
INSERT INTO "tally" VALUES('20300101-000002-beef',2,'GET','/a',2,1,200,'[[[0,20000,20000,20000,[5346],[1]],null],[[0,40000,40000,40000,[6370],[1]],[0,290000,290000,290000,[9324],[1]]],[[["HTTP 503",[1,2,2]]],null],200,[0,3500000,3500000,3500000,[12972],[1]],[[0,2000,2000,2000,[2000],[1]],null,null,null,null,[0,400,400,400,[400],[1]]]]');
INSERT INTO "tally" VALUES('20300101-000002-beef',3,'GET','/a',3,1,300,'[[[0,80000,20000,60000,[5346,6995],[1,1]],null],[[0,40000,40000,40000,[6370],[1]],[0,290000,290000,290000,[9324],[1]]],[[["HTTP 503",[1,3,3]]],null],300,null,null]');
INSERT INTO "tally" VALUES('20300101-000002-beef',3,'GET','/a',3,1,300,'[[[0,80000,20000,60000,[5346,6995],[1,1]],null],[[0,40000,40000,40000,[6370],[1]],[0,290000,290000,290000,[9324],[1]]],[[["HTTP 503",[1,3,3]]],null],300,null,null]');
INSERT INTO "tally" VALUES('20300101-000002-beef',3,'POST','/ü''',1,0,100,'[[[0,80000,80000,80000,[7394],[1]],[0,330000,330000,330000,[9481],[1]]],null,null,100,null,null]');
INSERT INTO "tally" VALUES('20300101-000002-beef',4,'GET','/a',3,1,300,'[[[0,80000,20000,60000,[5346,6995],[1,1]],null],[[0,40000,40000,40000,[6370],[1]],[0,290000,290000,290000,[9324],[1]]],[[["HTTP 503",[1,4,4]]],null],300,null,null]');
INSERT INTO "tally" VALUES('20300101-000002-beef',4,'POST','/ü''',2,0,200,'[[[0,180000,80000,100000,[7394,7706],[1,1]],[0,430000,100000,330000,[9481,7706],[1,1]]],null,null,200,null,null]');
INSERT INTO "tally" VALUES('20300101-000002-beef',4,'GET','/a',1,0,100,'[[[0,20000,20000,20000,[5346],[1]],null],null,null,100,null,null]');
INSERT INTO "tally" VALUES('20300101-000002-beef',5,'GET','/a',2,1,200,'[[[0,20000,20000,20000,[5346],[1]],null],[[0,40000,40000,40000,[6370],[1]],[0,290000,290000,290000,[9324],[1]]],[[["HTTP 503",[1,5,5]]],null],200,null,null]');
INSERT INTO "tally" VALUES('20300101-000002-beef',5,'GET','/a',3,1,300,'[[[0,80000,20000,60000,[5346,6995],[1,1]],null],[[0,40000,40000,40000,[6370],[1]],[0,290000,290000,290000,[9324],[1]]],[[["HTTP 503",[1,5,5]]],null],300,null,null]');
CREATE TABLE worker (
    run_id TEXT, worker TEXT, epoch INTEGER, state TEXT, error TEXT, PRIMARY KEY (run_id, worker)
);
INSERT INTO "worker" VALUES('20300101-000001-beef','one',1,'done','KeyError: ''x''');
INSERT INTO "worker" VALUES('20300101-000001-beef','two',2,'lost',NULL);
INSERT INTO "worker" VALUES('20300101-000002-beef','one',1,'done','KeyError: ''x''');
INSERT INTO "worker" VALUES('20300101-000002-beef','two',2,'lost',NULL);
CREATE INDEX change_of_run ON change (run_id);
CREATE INDEX second_of_run ON second (run_id, second);
CREATE INDEX tally_of_run ON tally (run_id, second);
COMMIT;
